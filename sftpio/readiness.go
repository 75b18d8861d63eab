package sftpio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// trailerTail is how much of a file's end is read to find its trailer: a count and a
// total for each currency of the world.
const trailerTail = 8 << 10

// look is what one listing of an inbound folder shows.
type look struct {
	candidates []Entry         // files that may be taken, if they are complete; by name
	claimed    []Entry         // by name
	done       map[string]bool // files that a done-file declares complete
}

// look lists the folder and what is claimed.
func (in *inbound) look(ctx context.Context) (look, error) {
	// Claimed files come first: one that is claimed between the two listings is then
	// in neither, instead of in both.
	claimedInfos, err := in.folder.list(ctx, ProcessingDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return look{}, fmt.Errorf("list claimed files: %w", err)
	}
	infos, err := in.folder.list(ctx, ".")
	if err != nil {
		return look{}, fmt.Errorf("list the folder: %w", err)
	}
	l := look{done: map[string]bool{}}
	busy := map[string]bool{}
	for _, info := range claimedInfos {
		name := info.Name()
		if in.isDoneFile(name) {
			l.done[strings.TrimSuffix(name, in.DoneSuffix)] = true
			continue
		}
		if in.usable(info) {
			busy[name] = true
			l.claimed = append(l.claimed, entry(info, path.Join(ProcessingDir, name)))
		}
	}
	for _, info := range infos {
		name := info.Name()
		switch matches, _ := path.Match(in.Pattern, name); {
		case in.isDoneFile(name):
			l.done[strings.TrimSuffix(name, in.DoneSuffix)] = true
		case matches && !busy[name] && in.usable(info):
			l.candidates = append(l.candidates, entry(info, name))
		}
	}
	byName := func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(l.candidates, byName)
	slices.SortFunc(l.claimed, byName)
	return l, nil
}

func entry(info fs.FileInfo, claim string) Entry {
	return Entry{Name: info.Name(), Claim: claim, Size: info.Size(), Modified: info.ModTime()}
}

func (in *inbound) isDoneFile(name string) bool {
	return in.Readiness == DoneFile && strings.HasSuffix(name, in.DoneSuffix) && name != in.DoneSuffix
}

// usable reports whether a listed thing is a file that we would ever take.
func (in *inbound) usable(info fs.FileInfo) bool {
	name := info.Name()
	switch {
	case info.IsDir(), ignored(name, in.Ignore):
		return false
	case !info.Mode().IsRegular():
		in.skip(name, errors.New("it is not a regular file"))
		return false
	}
	if err := checkName(name, in.MaxName); err != nil {
		in.skip(name, err)
		return false
	}
	return true
}

func (in *inbound) skip(name string, why error) {
	if in.Skipped != nil {
		in.Skipped(name, why)
	}
}

// complete returns those of the candidates that are complete by the folder's rule.
func (in *inbound) complete(ctx context.Context, l look) ([]Entry, error) {
	switch in.Readiness {
	case Rename:
		return l.candidates, nil
	case DoneFile:
		return slices.DeleteFunc(l.candidates, func(e Entry) bool { return !l.done[e.Name] }), nil
	case Trailer:
		return in.withTrailer(ctx, l.candidates)
	default:
		return in.unchanged(ctx, l.candidates)
	}
}

// unchanged looks a second time, and returns the files that have kept size and time.
func (in *inbound) unchanged(ctx context.Context, first []Entry) ([]Entry, error) {
	if len(first) == 0 {
		return nil, nil
	}
	if err := in.Sleep(ctx, in.StableFor); err != nil {
		return nil, err
	}
	again, err := in.look(ctx)
	if err != nil {
		return nil, err
	}
	later := map[string]Entry{}
	for _, e := range again.candidates {
		later[e.Name] = e
	}
	return slices.DeleteFunc(first, func(e Entry) bool {
		l, there := later[e.Name]
		return !there || l.Size != e.Size || !l.Modified.Equal(e.Modified)
	}), nil
}

// withTrailer returns the files whose last record is a trailer.
func (in *inbound) withTrailer(ctx context.Context, candidates []Entry) ([]Entry, error) {
	var ready, open []Entry
	for _, e := range candidates {
		end, err := in.folder.tail(ctx, e.Name, e.Size, trailerTail)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away since it was listed
		}
		if errors.Is(err, ErrRefused) { // one unreadable file does not stop the others
			in.skip(e.Name, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		switch trailer, ended := findTrailer(end); {
		case trailer && ended:
			ready = append(ready, e)
		case trailer:
			open = append(open, e)
		}
	}
	// Without its line end a trailer may be the first half of one: 29 of 2990.
	stable, err := in.unchanged(ctx, open)
	if err != nil {
		return nil, err
	}
	ready = append(ready, stable...)
	slices.SortFunc(ready, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return ready, nil
}

// findTrailer reports whether the last line of a file's end begins with T and a
// separator (batch interface, section 2), and whether that line has its line end.
func findTrailer(end []byte) (trailer, ended bool) {
	line, ended := bytes.CutSuffix(end, []byte("\n"))
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	return len(line) >= 2 && line[0] == 'T' && bytes.IndexByte([]byte(";,\t|"), line[1]) >= 0, ended
}
