package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// candidatesQuery reads cards by merchant, wallet and index: the order of their key, and of the index
// by expiry. What follows are conditions; the first parameters are the updater's name, twice.
const (
	candidateColumns = `SELECT c.merchant, c.wallet_id, w.status, w.contract, w.gateway,
		(SELECT max(q.created_at) FROM update_records r CROSS JOIN update_requests q ON q.id = r.request
			WHERE r.merchant = c.merchant AND r.wallet_id = c.wallet_id AND r.card_index = c.card_index AND r.fingerprint = c.fingerprint AND r.state <> 'unasked' AND (?1 = '' OR q.updater = ?1)),
		c.card_index, c.status, c.token, c.fingerprint, c.first_six, c.last_four, c.expiry, c.type, c.cardholder, c.network_transaction, c.sealed, c.changed_at`
	candidateJoin  = ` CROSS JOIN wallets w ON w.merchant = c.merchant AND w.id = c.wallet_id`
	candidateOrder = ` ORDER BY c.merchant, c.wallet_id, c.card_index`
)

// candidatesQuery is the text that finds the cards of a query, with its parameters.
func candidatesQuery(q store.CandidateQuery) (query string, args []any) {
	var c condition
	c.args = append(c.args, q.Updater)
	from := ` FROM cards c`
	if q.Expiry != "" && q.Wallet == "" {
		from += ` INDEXED BY cards_expiry`
	}
	c.equal("c.expiry", q.Expiry)
	c.equal("c.merchant", string(q.Merchant))
	c.equal("c.wallet_id", string(q.Wallet))
	c.equal("w.contract", string(q.Contract))
	if q.Card != 0 {
		c.add("c.card_index = ?", q.Card)
	}
	return candidateColumns + from + candidateJoin + c.where() + candidateOrder, c.args
}

// Candidates yields cards with what their selection depends on.
func (s *Store) Candidates(ctx context.Context, q store.CandidateQuery) iter.Seq2[batch.Candidate, error] {
	return stream("read cards", func(yield func(batch.Candidate) error) error {
		query, args := candidatesQuery(q)
		return each(s.read(ctx), func(row scanner) error {
			var k batch.Candidate
			card := &k.Card
			err := row.Scan(&k.Merchant, &k.Wallet, &k.WalletStatus, &k.Contract, &k.Gateway, timestamp{&k.Asked},
				&card.Index, &card.Status, &card.Token, &card.Fingerprint, &card.FirstSix, &card.LastFour, &card.Expiry, &card.Type,
				&card.Cardholder, &card.NetworkTransaction, &card.Sealed, timestamp{&card.ChangedAt})
			if err != nil {
				return err
			}
			return yield(k)
		}, query, args...)
	})
}

func scanRequest(row scanner) (r store.UpdateRequest, err error) {
	err = row.Scan(&r.ID, &r.Updater, &r.Number, &r.Name, &r.Month, &r.Repairs, timestamp{&r.CreatedAt}, &r.State, &r.Records, &r.Undecided,
		&r.Size, &r.Digest, timestamp{&r.SentAt}, timestamp{&r.WaitUntil}, &r.Reason)
	return r, err
}

func requestOf(q querier, id int64) (store.UpdateRequest, error) {
	return scanRequest(q.row(`SELECT `+requestColumns+` FROM update_requests WHERE id = ?`, id))
}

// UpdateRequests returns requests by id.
func (s *Store) UpdateRequests(ctx context.Context, q store.RequestQuery) (requests []store.UpdateRequest, err error) {
	var c condition
	if q.IDs != nil {
		ids, err := list(q.IDs)
		if err != nil {
			return nil, fmt.Errorf("list update requests: %w", err)
		}
		c.add("id IN (SELECT value FROM json_each(?))", ids)
	}
	c.equal("updater", q.Updater)
	c.equal("name", q.Name)
	c.equal("month", q.Month)
	in(&c, "state", q.States)
	err = each(s.read(ctx), func(row scanner) error {
		r, err := scanRequest(row)
		requests = append(requests, r)
		return err
	}, `SELECT `+requestColumns+` FROM update_requests`+c.where()+` ORDER BY id`, c.args...)
	return requests, fault("list update requests", err)
}

func scanRecord(row scanner, extra ...any) (r store.RequestRecord, err error) {
	targets := [...]any{&r.Request, &r.Position, &r.Merchant, &r.Wallet, &r.CardIndex, &r.Account, &r.Fingerprint, &r.State}
	err = row.Scan(append(targets[:], extra...)...)
	return r, err
}

// recordRow are the values of a record's row, as they are bound.
func recordRow(r *store.RequestRecord) []any {
	return []any{r.Request, int64(r.Position), string(r.Merchant), string(r.Wallet), int64(r.CardIndex), r.Account, r.Fingerprint, string(r.State)}
}

// RequestRecords yields the records of a request by position.
func (s *Store) RequestRecords(ctx context.Context, request int64, states ...store.RecordState) iter.Seq2[store.RequestRecord, error] {
	return stream("read update request", func(yield func(store.RequestRecord) error) error {
		return eachRecord(s.read(ctx), request, states, func(r store.RequestRecord) error { return yield(r) })
	})
}

func eachRecord(q querier, request int64, states []store.RecordState, do func(store.RequestRecord) error) error {
	var c condition
	c.add("request = ?", request)
	in(&c, "state", states)
	return each(q, func(row scanner) error {
		r, err := scanRecord(row)
		if err != nil {
			return err
		}
		return do(r)
	}, `SELECT `+recordColumns+` FROM update_records`+c.where()+` ORDER BY position`, c.args...)
}

// Selection tells when the selection of a month was begun and finished.
func (s *Store) Selection(ctx context.Context, updater, month string) (begun, finished time.Time, err error) {
	err = s.read(ctx).row(`SELECT begun, finished FROM update_selections WHERE updater = ? AND month = ?`, updater, month).Scan(timestamp{&begun}, timestamp{&finished})
	return begun, finished, fault("find the selection of "+month, err)
}

func scanUpdateFile(row scanner) (f store.UpdateFile, err error) {
	err = row.Scan(&f.ID, &f.Updater, &f.Kind, &f.Name, &f.Size, &f.Digest, &f.State, &f.Records, &f.Reason, timestamp{&f.TakenAt})
	return f, err
}

func updateFileOf(q querier, id int64) (store.UpdateFile, error) {
	return scanUpdateFile(q.row(`SELECT `+updateFileColumns+` FROM update_files WHERE id = ?`, id))
}

// UpdateFiles returns the files that match, by id.
func (s *Store) UpdateFiles(ctx context.Context, updater, digest string, states ...store.PartnerState) (files []store.UpdateFile, err error) {
	var c condition
	c.equal("updater", updater)
	c.equal("digest", digest)
	in(&c, "state", states)
	err = each(s.read(ctx), func(row scanner) error {
		f, err := scanUpdateFile(row)
		files = append(files, f)
		return err
	}, `SELECT `+updateFileColumns+` FROM update_files`+c.where()+` ORDER BY id`, c.args...)
	return files, fault("list files of updates", err)
}

// UpdateExceptions yields records of sources of updates that mean no card of ours.
func (s *Store) UpdateExceptions(ctx context.Context, from, to time.Time) iter.Seq2[batch.PartnerException, error] {
	return stream("read update exceptions", func(yield func(batch.PartnerException) error) error {
		return each(s.read(ctx), func(row scanner) error {
			var x batch.PartnerException
			if err := row.Scan(&x.File, &x.Line, &x.Alias, &x.Reason, timestamp{&x.At}); err != nil {
				return err
			}
			return yield(x)
		}, `SELECT file, line, alias, reason, at FROM update_exceptions WHERE at >= ? AND at < ? ORDER BY at, file, line, id`, from.UnixMicro(), to.UnixMicro())
	})
}

// updater runs a write about account updaters, which may turn out to be recorded already.
func (n *session) updater(ctx context.Context, kind string, do func(*change) error) error {
	err := n.write(ctx, kind, 0, do)
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

// BeginSelection records that the selection of a month began.
func (n *session) BeginSelection(ctx context.Context, updater, month string, at time.Time) error {
	return n.updater(ctx, "begin selection", func(c *change) error {
		c.body.Text = updater + " " + month
		begun, err := c.exec(`INSERT INTO update_selections (updater, month, begun) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, updater, month, at.UnixMicro())
		if err == nil && begun == 0 {
			err = errSame
		}
		return err
	})
}

// FinishSelection records that every card was looked at.
func (n *session) FinishSelection(ctx context.Context, updater, month string, at time.Time) error {
	return n.updater(ctx, "finish selection", func(c *change) error {
		c.body.Text = updater + " " + month
		var before time.Time
		err := c.row(`SELECT finished FROM update_selections WHERE updater = ? AND month = ?`, updater, month).Scan(timestamp{&before})
		if err != nil {
			return err
		}
		if !before.IsZero() {
			return errSame
		}
		return c.one("the selection", `UPDATE update_selections SET finished = ? WHERE updater = ? AND month = ?`, at.UnixMicro(), updater, month)
	})
}

// noteRequest says in the journal what becomes of a request.
func (c *change) noteRequest(r store.UpdateRequest, to store.RequestState) *store.RequestChange {
	note := c.exchange()
	note.Requests = append(note.Requests, store.RequestChange{ID: r.ID, Name: r.Name, From: r.State, To: to, Size: r.Size, Digest: r.Digest})
	return &note.Requests[len(note.Requests)-1]
}

// OpenUpdateRequest makes a request of the records.
func (n *session) OpenUpdateRequest(ctx context.Context, r store.UpdateRequest, records []store.RequestRecord, name func(number int64) string) (opened store.UpdateRequest, err error) {
	err = n.write(ctx, "open update request", 0, func(c *change) error {
		if r.Repairs != 0 {
			if err := c.replace(r.Repairs, records, func(store.RequestRecord) bool { return true }); err != nil {
				return err
			}
		}
		opened, err = c.openRequest(r, records, name)
		return err
	})
	return opened, err
}

// openRequest makes a request with the next number of its updater. Only one that repairs another
// may have nobody left to ask about: then there is none.
func (c *change) openRequest(r store.UpdateRequest, records []store.RequestRecord, name func(number int64) string) (store.UpdateRequest, error) {
	if len(records) == 0 {
		if r.Repairs == 0 {
			return r, errors.New("a request asks about at least one card")
		}
		return store.UpdateRequest{}, nil
	}
	if err := c.row(`SELECT coalesce(max(number), 0) + 1 FROM update_requests WHERE updater = ?`, r.Updater).Scan(&r.Number); err != nil {
		return r, err
	}
	r.Name, r.Records, r.Undecided = name(r.Number), len(records), len(records)
	r.State, r.Size, r.Digest, r.SentAt, r.WaitUntil, r.Reason = store.RequestOpen, 0, "", time.Time{}, time.Time{}, ""
	var err error
	r.ID, err = c.insert("update_requests", `INSERT INTO update_requests (updater, number, name, month, repairs, created_at, state, records, undecided) VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?) RETURNING id`,
		r.Updater, r.Number, r.Name, r.Month, r.Repairs, micros(r.CreatedAt), r.Records, r.Undecided)
	if err != nil {
		return r, err
	}
	made := r
	made.State = ""
	c.noteRequest(made, r.State)
	c.body.Count = len(records)
	rows := make([]any, 0, 8*len(records))
	for i, record := range records {
		record.Request, record.Position, record.State = r.ID, i+1, store.RecordAsked
		rows = append(rows, recordRow(&record)...)
	}
	return r, c.insertRows("update_records", recordColumns, rows)
}

// replace makes a request rejected. Of its records that are asked, those of the cards in next are
// asked again there; the others are not.
func (c *change) replace(id int64, next []store.RequestRecord, unasked func(store.RequestRecord) bool) error {
	r, err := requestOf(c, id)
	if err != nil {
		return err
	}
	if r.State != store.RequestOpen && r.State != store.RequestSent {
		return fmt.Errorf("%w: %s is %s, it cannot be repaired", store.ErrStale, r.Name, r.State)
	}
	again := make(map[cardKey]bool, len(next))
	for i := range next {
		again[cardKey{next[i].Merchant, next[i].Wallet, next[i].CardIndex}] = true
	}
	repeated, rejected, left := movedRecords{to: store.RecordRepeated}, movedRecords{to: store.RecordRejected}, movedRecords{to: store.RecordUnasked}
	err = eachRecord(c, id, []store.RecordState{store.RecordAsked}, func(record store.RequestRecord) error {
		switch {
		case again[cardKey{record.Merchant, record.Wallet, record.CardIndex}]:
			repeated.add(&record)
		case unasked(record):
			left.add(&record)
		default:
			rejected.add(&record)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := errors.Join(c.moveRecords(&repeated), c.moveRecords(&rejected), c.moveRecords(&left)); err != nil {
		return err
	}
	c.noteRequest(r, store.RequestRejected)
	return c.update("update_requests", id, `state = 'rejected', undecided = 0, reason = ?`,
		fmt.Sprintf("%d of %d records cannot be asked as they are", rejected.count()+left.count(), r.Records))
}

// cardKey names a stored card.
type cardKey struct {
	merchant batch.MerchantID
	wallet   batch.WalletID
	index    int
}

// movedRecords are records on their way to one state.
type movedRecords struct {
	to    store.RecordState
	delta store.LineSum // by how much the sum over the table's rows changes
	rows  []any         // request and position of each
}

func (m *movedRecords) count() int { return len(m.rows) / 2 }

// add moves a record.
func (m *movedRecords) add(r *store.RequestRecord) {
	var before store.LineSum
	before.AddRow("update_records", recordRow(r))
	r.State = m.to
	m.delta.AddRow("update_records", recordRow(r))
	m.delta -= before
	m.rows = append(m.rows, r.Request, int64(r.Position))
}

// moveRecords writes what was moved.
func (c *change) moveRecords(m *movedRecords) error {
	if len(m.rows) == 0 {
		return nil
	}
	moved, err := c.bulk(`UPDATE update_records SET state = '`+string(m.to)+`' FROM (VALUES `, 2,
		`) v WHERE update_records.request = v.column1 AND update_records.position = v.column2`, m.rows)
	if err == nil && moved != int64(m.count()) {
		err = fmt.Errorf("%w: %d records for %d", store.ErrStale, moved, m.count())
	}
	c.exchange().Sums["update_records"] += m.delta
	return err
}

// request runs a write about a request.
func (n *session) request(ctx context.Context, kind string, id int64, do func(*change, store.UpdateRequest) error) error {
	return n.updater(ctx, kind, func(c *change) error {
		r, err := requestOf(c, id)
		if err != nil {
			return err
		}
		return do(c, r)
	})
}

// RequestStaged records that the file of a request lies proven under its temporary name.
func (n *session) RequestStaged(ctx context.Context, id int64, size int64, digest string) error {
	return n.request(ctx, "request staged", id, func(c *change, r store.UpdateRequest) error {
		switch {
		case r.State == store.RequestOpen:
		case r.Size == size && r.Digest == digest:
			return errSame
		case r.Digest == "":
			return fmt.Errorf("%w: %s is %s", store.ErrStale, r.Name, r.State)
		default:
			return fmt.Errorf("%w: %s was staged with other bytes before", store.ErrDamaged, r.Name)
		}
		note := c.noteRequest(r, store.RequestStaged)
		note.Size, note.Digest = size, digest
		return c.update("update_requests", id, `state = 'staged', size = ?, digest = ?, reason = ''`, size, digest)
	})
}

// RequestSent records the rename of a request's file.
func (n *session) RequestSent(ctx context.Context, id int64, at, waitUntil time.Time) error {
	return n.request(ctx, "request sent", id, func(c *change, r store.UpdateRequest) error {
		switch {
		case !r.SentAt.IsZero():
			return errSame
		case r.State != store.RequestStaged:
			return fmt.Errorf("%w: %s is %s, not staged", store.ErrStale, r.Name, r.State)
		}
		c.noteRequest(r, store.RequestSent)
		return c.update("update_requests", id, `state = 'sent', sent_at = ?, wait_until = ?, reason = ''`, micros(at), micros(waitUntil))
	})
}

// RequestFailed records why a request could not be sent.
func (n *session) RequestFailed(ctx context.Context, id int64, reason string) error {
	return n.request(ctx, "request failed", id, func(c *change, r store.UpdateRequest) error {
		if (r.State != store.RequestOpen && r.State != store.RequestStaged) || r.Reason == reason {
			return errSame
		}
		c.noteRequest(r, r.State)
		c.body.Text = reason
		return c.update("update_requests", id, `reason = ?`, reason)
	})
}

// knownFile finds a file by its digest; 0: it has not come before.
func (c *change) knownFile(f store.UpdateFile) (known store.UpdateFile, err error) {
	if f.Digest == "" {
		return known, errors.New("a file of updates is known by its digest, and this one has none")
	}
	err = each(c, func(row scanner) (err error) {
		known, err = scanUpdateFile(row)
		return err
	}, `SELECT `+updateFileColumns+` FROM update_files WHERE updater = ? AND digest = ?`, f.Updater, f.Digest)
	return known, err
}

// putFile brings a file, new or known, to the state given.
func (c *change) putFile(known, f store.UpdateFile) (store.UpdateFile, error) {
	note := &store.PartnerChange{ID: known.ID, Name: f.Name, From: known.State, To: f.State, Size: f.Size, Digest: f.Digest}
	c.exchange().File = note
	var err error
	if known.ID != 0 {
		f.ID = known.ID
		return f, c.update("update_files", f.ID, `kind = ?, name = ?, state = ?, records = ?, reason = ?, taken_at = ?`,
			string(f.Kind), f.Name, string(f.State), f.Records, f.Reason, micros(f.TakenAt))
	}
	f.ID, err = c.insert("update_files", `INSERT INTO update_files (updater, kind, name, size, digest, state, records, reason, taken_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		f.Updater, string(f.Kind), f.Name, f.Size, f.Digest, string(f.State), f.Records, f.Reason, micros(f.TakenAt))
	note.ID = f.ID
	return f, err
}

// RejectUpdateFile records a file that cannot be taken.
func (n *session) RejectUpdateFile(ctx context.Context, f store.UpdateFile) (kept store.UpdateFile, err error) {
	err = n.updater(ctx, "reject update file", func(c *change) error {
		if kept, err = c.knownFile(f); err != nil {
			return err
		}
		if kept.State == store.PartnerTaken || (kept.State == store.PartnerRejected && kept.Reason == f.Reason) {
			return errSame
		}
		f.State = store.PartnerRejected
		kept, err = c.putFile(kept, f)
		return err
	})
	return kept, err
}

// OpenUpdateFile records that a file is being taken.
func (n *session) OpenUpdateFile(ctx context.Context, f store.UpdateFile) (kept store.UpdateFile, err error) {
	err = n.updater(ctx, "open update file", func(c *change) error {
		if kept, err = c.knownFile(f); err != nil {
			return err
		}
		if kept.State == store.PartnerTaken || kept.State == store.PartnerOpen {
			return errSame
		}
		f.State, f.Reason, f.Records = store.PartnerOpen, "", 0
		kept, err = c.putFile(kept, f)
		return err
	})
	return kept, err
}

// FinishUpdateFile records that all records of a file are taken.
func (n *session) FinishUpdateFile(ctx context.Context, id int64, records int, at time.Time) error {
	return n.updater(ctx, "finish update file", func(c *change) error {
		f, err := updateFileOf(c, id)
		switch {
		case err != nil:
			return err
		case f.State == store.PartnerTaken:
			return errSame
		case f.State != store.PartnerOpen:
			return fmt.Errorf("%w: %s is %s", store.ErrStale, f.Name, f.State)
		}
		done := f
		done.State, done.Records, done.TakenAt = store.PartnerTaken, records, at
		_, err = c.putFile(f, done)
		return err
	})
}

// Acknowledge takes an acknowledgement.
func (n *session) Acknowledge(ctx context.Context, file store.UpdateFile, request int64, bad []store.BadRecord, next store.UpdateRequest, name func(number int64) string) (made store.UpdateRequest, err error) {
	err = n.updater(ctx, "acknowledge", func(c *change) error {
		known, err := c.knownFile(file)
		if err != nil {
			return err
		}
		if known.State == store.PartnerTaken {
			if made, err = c.repairOf(request); err != nil {
				return err
			}
			return errSame
		}
		r, err := requestOf(c, request)
		if err != nil {
			return err
		}
		file.Kind, file.State, file.Reason = store.AcknowledgementFile, store.PartnerTaken, ""
		if file, err = c.putFile(known, file); err != nil {
			return err
		}
		switch {
		case r.State == store.RequestClosed || (r.State == store.RequestAccepted && len(bad) == 0):
			return nil // it comes too late to change anything
		case r.State != store.RequestSent:
			return fmt.Errorf("%w: %s is %s, so that %s cannot be about it", store.ErrStale, r.Name, r.State, file.Name)
		case len(bad) == 0:
			c.noteRequest(r, store.RequestAccepted)
			return c.update("update_requests", r.ID, `state = 'accepted'`)
		}
		made, err = c.refuse(r, file, bad, next, name)
		return err
	})
	return made, err
}

// repairOf finds the request that asks the good records of a rejected one again, if there is one.
func (c *change) repairOf(request int64) (r store.UpdateRequest, err error) {
	err = each(c, func(row scanner) (err error) {
		r, err = scanRequest(row)
		return err
	}, `SELECT `+requestColumns+` FROM update_requests WHERE repairs = ? AND repairs <> 0`, request)
	return r, err
}

// refuse makes a request rejected, tells of its bad records, and asks the others again.
func (c *change) refuse(r store.UpdateRequest, file store.UpdateFile, bad []store.BadRecord, next store.UpdateRequest, name func(number int64) string) (store.UpdateRequest, error) {
	reasons := make(map[int]store.BadRecord, len(bad))
	for _, b := range bad {
		if b.Position < 1 || b.Position > r.Records {
			return next, fmt.Errorf("%w: %s rejects record %d of %s, which has %d", store.ErrStale, file.Name, b.Position, r.Name, r.Records)
		}
		reasons[b.Position] = b
	}
	var good, refused []store.RequestRecord
	err := eachRecord(c, r.ID, []store.RecordState{store.RecordAsked}, func(record store.RequestRecord) error {
		if _, isBad := reasons[record.Position]; isBad {
			refused = append(refused, record)
		} else {
			good = append(good, record)
		}
		return nil
	})
	if err != nil {
		return next, err
	}
	unasked := func(record store.RequestRecord) bool {
		return reasons[record.Position].Outcome == batch.ConfigurationError
	}
	if err := c.replace(r.ID, good, unasked); err != nil {
		return next, err
	}
	told := c.newUpdates(file.TakenAt)
	err = told.ofRecords(refused, func(u *batch.CardUpdate, record *store.RequestRecord) {
		b := reasons[record.Position]
		u.Source, u.Outcome, u.Code, u.Note = r.Updater, b.Outcome, b.Code, b.Note
		u.File, u.Line = file.Name, b.Position
	})
	if err == nil {
		err = told.save(file.ID, 0)
	}
	if err != nil {
		return next, err
	}
	next.Updater, next.Repairs = r.Updater, r.ID
	next.Month = cmp.Or(next.Month, r.Month)
	return c.openRequest(next, good, name)
}

// CloseRequests closes what is decided or was waited for long enough.
func (n *session) CloseRequests(ctx context.Context, updater string, at time.Time) (requests, givenUp int, err error) {
	err = n.updater(ctx, "close requests", func(c *change) error {
		var over []store.UpdateRequest
		err := each(c, func(row scanner) error {
			r, err := scanRequest(row)
			over = append(over, r)
			return err
		}, `SELECT `+requestColumns+` FROM update_requests WHERE updater = ? AND state IN ('sent', 'accepted') AND (undecided = 0 OR wait_until <= ?) ORDER BY id`,
			updater, at.UnixMicro())
		if err != nil {
			return err
		}
		if len(over) == 0 {
			return errSame
		}
		for _, r := range over {
			n, err := c.closeRequest(r, at)
			if err != nil {
				return err
			}
			givenUp += n
		}
		requests = len(over)
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return requests, givenUp, nil
}

// closeRequest closes a request and gives up the records without a decision.
func (c *change) closeRequest(r store.UpdateRequest, at time.Time) (givenUp int, err error) {
	var records []store.RequestRecord
	err = eachRecord(c, r.ID, []store.RecordState{store.RecordAsked}, func(record store.RequestRecord) error {
		records = append(records, record)
		return nil
	})
	if err != nil {
		return 0, err
	}
	to := store.RecordGivenUp
	if r.State == store.RequestSent && len(records) == r.Records {
		to = store.RecordUnasked // nothing shows that the provider ever had it
	}
	for some := range slices.Chunk(records, givenUpTogether) {
		if err := c.giveUp(r, some, to, at); err != nil {
			return 0, err
		}
	}
	c.noteRequest(r, store.RequestClosed)
	return len(records), c.update("update_requests", r.ID, `state = 'closed', undecided = 0`)
}

// givenUpTogether is how many records' cards are in memory at a time.
const givenUpTogether = 1000

// giveUp ends records without a decision, each with its update.
func (c *change) giveUp(r store.UpdateRequest, records []store.RequestRecord, to store.RecordState, at time.Time) error {
	told := c.newUpdates(at)
	err := told.ofRecords(records, func(u *batch.CardUpdate, record *store.RequestRecord) {
		u.Source, u.Outcome = r.Updater, batch.NoDecision
		u.File, u.Line = r.Name, record.Position
	})
	if err == nil {
		err = told.save(0, 0)
	}
	if err != nil {
		return err
	}
	gone := movedRecords{to: to}
	for i := range records {
		gone.add(&records[i])
	}
	return c.moveRecords(&gone)
}

// namesOf lists the wallets of cards, by merchant, each once.
func namesOf(cards []cardKey) map[batch.MerchantID][]batch.WalletID {
	names := map[batch.MerchantID][]batch.WalletID{}
	seen := make(map[cardKey]bool, len(cards))
	for _, k := range cards {
		k.index = 0
		if !seen[k] {
			seen[k] = true
			names[k.merchant] = append(names[k.merchant], k.wallet)
		}
	}
	return names
}

// eachAmong runs a query that ends in "first = ? AND second IN " for many values, like eachOf, with
// what follows behind the list.
func eachAmong(q querier, scan func(scanner) error, query, tail string, first []any, values []any) error {
	for _, size := range bulkRows {
		full := query + `(?` + strings.Repeat(", ?", size-1) + `)` + tail
		for ; len(values) >= size; values = values[size:] {
			args := append(append(make([]any, 0, len(first)+size), first...), values[:size]...)
			if err := each(q, scan, full, args...); err != nil {
				return err
			}
		}
	}
	return nil
}
