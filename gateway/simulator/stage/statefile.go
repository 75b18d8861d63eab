package stage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/gofrs/flock"
)

// stateLog is the append-only file of events: one line each, a checksum in hex, a
// space, the protocol, a space, the event as JSON. It is written before the answer leaves, so that what
// was answered is still known to the next program. It is not synced: a simulator's
// memory may die with the machine, not with the process. No card numbers in it.
type stateLog struct {
	mu   sync.Mutex
	file *os.File // nil: memory only
	lock *flock.Flock
	size int64
	buf  []byte
}

var (
	errDamaged = errors.New("the simulator's state file is damaged; move it away to start afresh")
	// ErrInUse: another simulator keeps its state in the file.
	ErrInUse = errors.New("another simulator uses this state file")
)

// openLog opens or makes the file and replays it. A torn last line, of a program
// that died while writing, is cut off; any other damage is an error.
func openLog(path string, replay func(protocol string, event json.RawMessage) error) (*stateLog, error) {
	if path == "" {
		return &stateLog{}, nil
	}
	lock := flock.New(path + ".lock")
	if taken, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("lock the simulator's state: %w", err)
	} else if !taken {
		return nil, ErrInUse
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		lock.Unlock()
		return nil, fmt.Errorf("open the simulator's state: %w", err)
	}
	l := &stateLog{file: file, lock: lock}
	if err := l.replay(replay); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *stateLog) replay(apply func(string, json.RawMessage) error) error {
	in := bufio.NewReaderSize(l.file, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			break // a rest without a line end was never finished
		}
		if err != nil {
			return fmt.Errorf("read the simulator's state: %w", err)
		}
		protocol, event, ok := parseEvent(line[:len(line)-1])
		if !ok {
			if _, err := in.ReadByte(); err == io.EOF {
				break // torn in a way that left its line end
			}
			return errDamaged
		}
		if err := apply(protocol, event); err != nil {
			return errDamaged
		}
		l.size += int64(len(line))
	}
	if err := l.file.Truncate(l.size); err != nil {
		return fmt.Errorf("cut the torn end of the simulator's state: %w", err)
	}
	_, err := l.file.Seek(l.size, io.SeekStart)
	return err
}

func parseEvent(line []byte) (protocol string, event json.RawMessage, ok bool) {
	if len(line) < 10 || line[8] != ' ' {
		return "", nil, false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil || uint32(sum) != crc32.ChecksumIEEE(line[9:]) {
		return "", nil, false
	}
	name, event, ok := bytes.Cut(line[9:], []byte(" "))
	return string(name), event, ok && json.Valid(event)
}

// append writes an event. When it fails nothing may be answered: the event did not happen.
func (l *stateLog) append(protocol string, event any) error {
	if l.file == nil {
		return nil
	}
	text, err := json.Marshal(event)
	if err != nil {
		return err
	}
	text = append(append([]byte(protocol), ' '), text...)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = fmt.Appendf(l.buf[:0], "%08x %s\n", crc32.ChecksumIEEE(text), text)
	n, err := l.file.Write(l.buf)
	if err != nil {
		// Take back what was written of it, lest the next event follow a torn one.
		if n > 0 {
			err = errors.Join(err, l.file.Truncate(l.size))
			_, seekErr := l.file.Seek(l.size, io.SeekStart)
			err = errors.Join(err, seekErr)
		}
		return fmt.Errorf("write the simulator's state: %w", err)
	}
	l.size += int64(n)
	return nil
}

// clear forgets everything.
func (l *stateLog) clear() error {
	if l.file == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size = 0
	_, err := l.file.Seek(0, io.SeekStart)
	return errors.Join(err, l.file.Truncate(0))
}

func (l *stateLog) close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.file.Close(), l.lock.Unlock())
}
