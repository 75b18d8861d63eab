package layout

import (
	"fmt"
	"slices"
	"strings"
)

// Summary tells in a line how files of the table are written.
func (t *Table) Summary() string {
	parts := []string{string(t.Form)}
	if t.Form == Delimited {
		parts[0] = fmt.Sprintf("delimited by %q", t.Delimiter)
		if t.Quotes {
			parts = append(parts, "fields may be quoted")
		}
		if t.Headings {
			parts = append(parts, "with headings")
		}
	}
	parts = append(parts, t.Encoding)
	if t.LineEnd == Blocks {
		parts = append(parts, "no line ends")
	} else {
		parts = append(parts, "records end with "+string(t.LineEnd))
	}
	if t.RecordLength > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes each", t.RecordLength))
	}
	if t.Trimmed {
		parts = append(parts, "spaces at their end may be missing")
	}
	return strings.Join(parts, ", ") + "; " + map[Direction]string{In: "read", Out: "written", Both: "read and written"}[t.Direction]
}

// Occurs tells in a few words where records of the kind stand, and how many.
func (k *Kind) Occurs() string {
	text := string(k.Part)
	switch {
	case k.Part == Body:
		text += ", any number"
	case k.Optional:
		text += ", at most once"
	default:
		text += ", once"
	}
	if k.byTurn() && k.Part == Head {
		text += ", recognised by its turn"
	}
	return text
}

// Rules tells in a line what the field must hold and how it is written: everything
// about it beside name, place and type. What is usual is not told: in a fixed record
// numbers stand at the right and are filled with zeros, everything else stands at the
// left and is filled with spaces; in a delimited one nothing is filled.
func (t *Table) Rules(f *Field) string {
	var parts []string
	add := func(yes bool, format string, args ...any) {
		if yes {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(f.Type == Constant && !f.Beginning, "%q", f.Value)
	add(f.Beginning, "begins with %q", f.Value)
	add(f.Rest, "the rest of the line; may be missing")
	add(f.Recognise, "marks the record")
	add(f.Format != "", "%s", f.Format)
	add(len(f.Codes) > 0, "%s", listCodes(f.Codes))
	add(f.KeepUnknown, "other codes are kept")
	add(f.Mandatory, "mandatory")
	add(f.Point != 0, "%d decimals after %q", f.Decimals, f.Point)
	add(f.Sign != "" && f.Sign != Unsigned, "%s sign", f.Sign)
	add(f.Plus != "", "%q when not negative", f.Plus)
	add(f.filledOddly(), "%s", f.filling())
	add(len(f.Empty) > 0, "%s when empty", listEmpty(f.Empty))
	add(f.Sensitive, "never shown")
	add(f.Lossy, "cut to the length, characters that the encoding lacks become ?")
	for _, c := range t.Checks {
		add(slices.Contains(c.Fields, f), "%s", c.about())
	}
	return strings.Join(parts, "; ")
}

// about tells a check at each of its fields.
func (c *Check) about() string {
	if len(c.Fields) == 1 {
		return c.String()
	}
	return c.subject() + ": " + c.String()
}

func (f *Field) filledOddly() bool {
	switch {
	case f.Pad == 0 || f.Type == Filler:
		return false
	case f.Position == 0:
		return true
	case f.isNumeric():
		return f.Pad != '0'
	}
	return f.Right || f.Pad != ' '
}

func (f *Field) filling() string {
	side := "at the left"
	if f.Right {
		side = "at the right"
	}
	switch f.Pad {
	case ' ':
		return side + ", filled with spaces"
	case '0':
		return side + ", filled with zeros"
	}
	return fmt.Sprintf("%s, filled with %q", side, f.Pad)
}

func listEmpty(empty []string) string {
	parts := make([]string, len(empty))
	for i := range empty {
		parts[i] = fmt.Sprintf("%q", empty[i])
	}
	return strings.Join(parts, " or ")
}

func listCodes(codes []CodeName) string {
	parts := make([]string, len(codes))
	for i, c := range codes {
		switch {
		case c.Code == "":
			parts[i] = "empty " + c.Name
		case c.Code == c.Name:
			parts[i] = c.Code
		default:
			parts[i] = c.Code + " " + c.Name
		}
	}
	return strings.Join(parts, ", ")
}
