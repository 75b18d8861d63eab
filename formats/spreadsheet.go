// Package formats holds what the formats share; each is a package below.
package formats

// Characters that make a spreadsheet read a cell as a formula.
const formulaLeading = "=+-@\t\r"

// Neutralise puts an apostrophe before free text that a spreadsheet would take for
// a formula. Text that looks neutralised already gets one more, so that Restore
// gives back the original in every case.
func Neutralise(text string) string {
	if leadsFormula(text) {
		return "'" + text
	}
	return text
}

// Restore takes the apostrophe of Neutralise away.
func Restore(text string) string {
	if text != "" && text[0] == '\'' && leadsFormula(text) {
		return text[1:]
	}
	return text
}

// leadsFormula reports whether text begins with a formula character after any
// number of apostrophes.
func leadsFormula(text string) bool {
	for i := range len(text) {
		if text[i] != '\'' {
			for j := range len(formulaLeading) {
				if text[i] == formulaLeading[j] {
					return true
				}
			}
			return false
		}
	}
	return false
}
