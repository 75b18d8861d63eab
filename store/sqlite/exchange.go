package sqlite

import (
	"strings"

	"cardbatch/store"
)

// The exchange with partners lies in few tables of few rows, compared with lines. The
// journal binds each table by the sum over its rows: every write notes by how much it
// changes that sum, and a verification adds up what the table holds.

const (
	enrolmentColumns = `id, merchant, wallet_id, card_index, contract, se, route, alias, key, registered_at, status, status_at, code, text, asked_in, removed_in, removal`
	eventColumns     = `id, enrolment, status, code, text, new_expiry, product, at, file, line, told_at, odd`
	partnerColumns   = `id, kind, se, sequence, name, batch, currency, value_date, created_at, state, size, digest, sent_at, reason`
	chargeColumns    = `id, key, state, authorized, code, text, card_changed, value_date, file`
	exceptionColumns = `id, file, line, alias, reason, at`
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

// compareExchange holds the sums that the journal explains against the tables.
func compareExchange(q querier, explained map[string]store.LineSum) error {
	for table := range exchangeTables {
		sum, err := sumOf(q, table, `TRUE`)
		if err != nil {
			return err
		}
		if sum != explained[table] {
			return damaged("the rows of %s are not those that were recorded", table)
		}
	}
	return nil
}
