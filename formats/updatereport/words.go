package updatereport

import "cardbatch/batch"

// word says a value in words.
type word struct {
	value string
	label string // short, for a cell
	means string // for whoever sees it the first time
	tone  string // class of its colour, which never stands alone
}

// Tones: what an outcome asks of its reader.
const (
	toneFresh = "fresh" // the card goes on with newer data
	toneEnded = "ended" // the card may not be charged any more
	toneLook  = "look"  // somebody has to look
	toneQuiet = "quiet" // nothing to do
)

var outcomeWords = map[batch.UpdateOutcome]word{
	batch.NewNumber:          {label: "New number", tone: toneFresh, means: "The card has a new number, with or without a new expiry date"},
	batch.NewExpiry:          {label: "New expiry date", tone: toneFresh, means: "The number stays, the expiry date is new"},
	batch.NewProduct:         {label: "New product", tone: toneFresh, means: "The account has another card product"},
	batch.NewButExpired:      {label: "Newer data expired", tone: toneLook, means: "There are newer data, but they have expired too: ask the cardholder"},
	batch.AccountClosed:      {label: "Account closed", tone: toneEnded, means: "The card may not be charged any more"},
	batch.ContactHolder:      {label: "Contact cardholder", tone: toneEnded, means: "The card may not be charged any more: ask the cardholder for another"},
	batch.OptOut:             {label: "Opted out", tone: toneEnded, means: "Payments that the merchant starts have to stop"},
	batch.UpdateUnchanged:    {label: "Unchanged", tone: toneQuiet, means: "The card is valid as it is stored"},
	batch.NoMatch:            {label: "No match", tone: toneQuiet, means: "The issuer takes part, but has nothing on the card"},
	batch.NotParticipating:   {label: "Issuer not taking part", tone: toneQuiet, means: "The issuer does not tell updates of its cards"},
	batch.InputError:         {label: "Input refused", tone: toneLook, means: "What was asked about the card was wrong: look at its data"},
	batch.ConfigurationError: {label: "Set-up refused", tone: toneLook, means: "The merchant is not registered for updates, or not rightly"},
	batch.UnknownUpdate:      {label: "Unknown code", tone: toneLook, means: "No table of codes has it; the card stays as it is"},
	batch.NoDecision:         {label: "No answer in time", tone: toneLook, means: "The updater was asked, and did not answer within the days that it has"},
}

// effects lists the effects in the order of the page.
var effects = []batch.UpdateEffect{
	batch.EffectChanged, batch.EffectDisabled, batch.EffectRefused, batch.EffectStale, batch.EffectShadow, batch.EffectWaiting, batch.EffectNone,
}

var effectWords = map[batch.UpdateEffect]word{
	batch.EffectChanged:  {label: "Card changed", means: "The number or the expiry date was replaced, or both"},
	batch.EffectDisabled: {label: "Card disabled", means: "The card is not charged any more"},
	batch.EffectRefused:  {label: "Refused by gateway", means: "The gateway that keeps the card did not take the newer data"},
	batch.EffectStale:    {label: "Overtaken", means: "It is about data that the card has left behind"},
	batch.EffectShadow:   {label: "Only told", means: "Updates are not applied: this is what would have been done"},
	batch.EffectWaiting:  {label: "Waiting for gateway", means: "The gateway that keeps the card has to take the newer data first"},
	batch.EffectNone:     {label: "None", means: "Nothing was to be done"},
}

// outcomeWord says an outcome; one that has no words here is said as it is.
func outcomeWord(o batch.UpdateOutcome) word {
	w, ok := outcomeWords[o]
	w.value = string(o)
	if !ok {
		w.value = plain(string(o))
		w.label, w.tone = w.value, toneLook
	}
	return w
}

// effectWord says an effect likewise.
func effectWord(e batch.UpdateEffect) word {
	w, ok := effectWords[e]
	if !ok {
		w.label = plain(string(e))
	}
	return w
}

// codeWord says a decision code: an empty one is a code too.
func codeWord(r *batch.UpdateRow) string {
	if r.Code == "" {
		return "(empty)"
	}
	return r.Code
}
