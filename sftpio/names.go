package sftpio

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// alwaysIgnored are the names that senders' programs give to files that are not
// complete yet (design, section 12), in lower case. Dot files among them: our own temporary names.
var alwaysIgnored = []string{".*", "*.tmp", "*.part", "*.partial", "*.filepart", "*.prg", ".sftpgo-upload.*", ".in.*"}

var errName = errors.New("the name is not usable")

// checkName says why a name is not one that we would use in a path.
func checkName(name string, limit int) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%w: it is not a file's name", errName)
	case len(name) > limit:
		return fmt.Errorf("%w: it has %d bytes, more than %d", errName, len(name), limit)
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%w: it is a path", errName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8", errName)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }):
		return fmt.Errorf("%w: it has control characters", errName)
	}
	return nil
}

// ignored reports whether a name is on the list of those that are never taken. Case
// does not matter: senders' systems do not agree about it.
func ignored(name string, more []string) bool {
	lower := strings.ToLower(name)
	for _, pattern := range alwaysIgnored {
		if ok, _ := path.Match(pattern, lower); ok {
			return true
		}
	}
	for _, pattern := range more {
		if ok, _ := path.Match(strings.ToLower(pattern), lower); ok {
			return true
		}
	}
	return false
}
