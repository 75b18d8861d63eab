package sqlite

import (
	"strings"

	"cardbatch/store"
)

// The exchange with partners and account updaters lies in few tables of few rows, compared with lines. The
// journal binds each table by the sum over its rows: every write notes by how much it
// changes that sum, and a verification adds up what the table holds.

const (
	enrolmentColumns = `id, merchant, wallet_id, card_index, contract, se, route, alias, key, registered_at, status, status_at, code, text, asked_in, removed_in, removal`
	eventColumns     = `id, enrolment, status, code, text, new_expiry, product, at, file, line, told_at, odd`
	partnerColumns   = `id, kind, se, sequence, name, batch, currency, value_date, created_at, state, size, digest, sent_at, reason`
	chargeColumns    = `id, key, state, authorized, code, text, card_changed, value_date, file`
	exceptionColumns = `id, file, line, alias, reason, at`

	requestColumns         = `id, updater, number, name, month, repairs, created_at, state, records, undecided, size, digest, sent_at, wait_until, reason`
	recordColumns          = `request, position, merchant, wallet_id, card_index, account, fingerprint, state`
	updateFileColumns      = `id, updater, kind, name, size, digest, state, records, reason, taken_at`
	updateColumns          = `id, merchant, wallet_id, card_index, account, source, scheme, code, outcome, at, taken_at, settled_at, file, line, effect, note, status, old_fingerprint, old_last_four, old_expiry, new_fingerprint, new_last_four, new_expiry, file_id, answer_line`
	orderColumns           = `id, card_update, merchant, wallet_id, card_index, contract, gateway, command, record, key, told_outcome, told_at, told_asked, told_fingerprint, told_first_six, told_last_four, told_expiry, state, created_at, tried_at, reason`
	updateExceptionColumns = `id, file_id, file, line, alias, reason, at`
)

// exchangeTables are the tables with the columns that are bound. A column that a later
// migration adds cannot be among them: entries made before do not know it.
var exchangeTables = map[string]string{
	"enrolments":         enrolmentColumns,
	"status_events":      eventColumns,
	"partner_files":      partnerColumns,
	"charge_answers":     chargeColumns,
	"partner_exceptions": exceptionColumns,
	"notifications":      notificationColumns,
	"update_requests":    requestColumns,
	"update_records":     recordColumns,
	"update_files":       updateFileColumns,
	"card_updates":       updateColumns,
	"card_orders":        orderColumns, // not the sealed number, which is sealed again with every new key
	"update_exceptions":  updateExceptionColumns,
}

// sumOf adds up the rows of a table that match.
func sumOf(q querier, table, where string, args ...any) (sum store.LineSum, err error) {
	columns := exchangeTables[table]
	values := make([]any, strings.Count(columns, ",")+1)
	targets := make([]any, len(values))
	for i := range values {
		targets[i] = &values[i]
	}
	err = each(q, func(row scanner) error {
		if err := row.Scan(targets...); err != nil {
			return err
		}
		sum.AddRow(table, values)
		return nil
	}, `SELECT `+columns+` FROM `+table+` WHERE `+where, args...)
	return sum, err
}

// exchange is what the entry of this transaction says of the exchange with partners.
func (c *change) exchange() *store.ExchangeNote {
	if c.body.Exchange == nil {
		c.body.Exchange = &store.ExchangeNote{Sums: map[string]store.LineSum{}}
	}
	return c.body.Exchange
}

// insert runs a statement that makes a row and returns its id, and binds the row.
func (c *change) insert(table, query string, args ...any) (id int64, err error) {
	if err := c.row(query, args...).Scan(&id); err != nil {
		return 0, err
	}
	sum, err := sumOf(c, table, `id = ?`, id)
	c.exchange().Sums[table] += sum
	return id, err
}

// update runs a statement that changes the row, which must be there, and binds what it changes.
func (c *change) update(table string, id int64, set string, args ...any) error {
	before, err := sumOf(c, table, `id = ?`, id)
	if err != nil {
		return err
	}
	if err := c.one("the row in "+table, `UPDATE `+table+` SET `+set+` WHERE id = ?`, append(args, id)...); err != nil {
		return err
	}
	after, err := sumOf(c, table, `id = ?`, id)
	c.exchange().Sums[table] += after - before
	return err
}

// insertRows runs many inserts, given as the rows' values one after the other, and binds the
// rows. columns are those that are bound, and further ones behind them.
func (c *change) insertRows(table, columns string, rows []any) error {
	width, bound := strings.Count(columns, ",")+1, strings.Count(exchangeTables[table], ",")+1
	var sum store.LineSum
	for row := rows; len(row) > 0; row = row[width:] {
		sum.AddRow(table, row[:bound])
	}
	if _, err := c.bulk(`INSERT INTO `+table+` (`+columns+`) VALUES `, width, ``, rows); err != nil {
		return err
	}
	c.exchange().Sums[table] += sum
	return nil
}

// lastID is the highest id of a table's rows, which are never removed.
func (c *change) lastID(table string) (id int64, err error) {
	err = c.row(`SELECT coalesce(max(id), 0) FROM ` + table).Scan(&id)
	return id, err
}

// bindUpdates binds the updates that the migration made of older events.
func (c *change) bindUpdates() error {
	unbound, err := unboundUpdates(c)
	if err != nil || unbound == 0 {
		return err
	}
	sum, err := sumOf(c, "card_updates", `id <= ?`, unbound)
	if err != nil {
		return err
	}
	c.exchange().Sums["card_updates"] += sum
	return c.one("the store's own row", `UPDATE store SET unbound_updates = 0`)
}

func unboundUpdates(q querier) (last int64, err error) {
	err = q.row(`SELECT unbound_updates FROM store`).Scan(&last)
	return last, err
}

// compareExchange holds the sums that the journal explains against the tables.
func compareExchange(q querier, explained map[string]store.LineSum) error {
	unbound, err := unboundUpdates(q)
	if err != nil {
		return err
	}
	for table := range exchangeTables {
		which, args := `TRUE`, []any(nil)
		if table == "card_updates" {
			which, args = `id > ?`, []any{unbound}
		}
		sum, err := sumOf(q, table, which, args...)
		if err != nil {
			return err
		}
		if sum != explained[table] {
			return damaged("the rows of %s are not those that were recorded", table)
		}
	}
	return nil
}
