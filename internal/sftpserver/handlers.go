package sftpserver

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/pkg/sftp"

	"cardbatch/internal/noreplace"
)

// handlers serve one directory; os.Root keeps every path inside it.
func handlers(root *os.Root) sftp.Handlers {
	d := &directory{root: root}
	return sftp.Handlers{FileGet: d, FilePut: d, FileCmd: d, FileList: d}
}

type directory struct{ root *os.Root }

var (
	_ sftp.OpenFileWriter       = (*directory)(nil)
	_ sftp.PosixRenameFileCmder = (*directory)(nil)
	_ sftp.LstatFileLister      = (*directory)(nil)
)

// below turns a path of the protocol, which begins at our root, into one for os.Root.
func below(p string) string {
	return path.Join(".", strings.TrimPrefix(path.Clean("/"+p), "/"))
}

func (d *directory) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	return d.root.Open(below(r.Filepath))
}

func (d *directory) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	return d.open(r, os.O_WRONLY)
}

func (d *directory) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	return d.open(r, os.O_RDWR)
}

func (d *directory) open(r *sftp.Request, mode int) (*writtenFile, error) {
	flags := r.Pflags()
	if flags.Append {
		return nil, sftp.ErrSSHFxOpUnsupported
	}
	if flags.Creat {
		mode |= os.O_CREATE
	}
	if flags.Trunc {
		mode |= os.O_TRUNC
	}
	if flags.Excl {
		mode |= os.O_EXCL
	}
	f, err := d.root.OpenFile(below(r.Filepath), mode, 0o640)
	if err != nil {
		return nil, err
	}
	return &writtenFile{f}, nil
}

// writtenFile is made durable when it is closed: the library has no
// fsync@openssh.com on its server side.
type writtenFile struct{ *os.File }

func (f *writtenFile) Close() error { return errors.Join(f.Sync(), f.File.Close()) }

func (d *directory) Filecmd(r *sftp.Request) error {
	name, target := below(r.Filepath), below(r.Target)
	switch r.Method {
	case "Rename":
		return noreplace.Rename(d.root, name, target)
	case "Remove":
		if info, err := d.root.Lstat(name); err != nil {
			return err
		} else if info.IsDir() {
			return &fs.PathError{Op: "remove", Path: name, Err: errors.New("is a directory")}
		}
		return d.root.Remove(name)
	case "Mkdir":
		return d.root.Mkdir(name, 0o770)
	case "Rmdir":
		if info, err := d.root.Lstat(name); err != nil {
			return err
		} else if !info.IsDir() {
			return &fs.PathError{Op: "rmdir", Path: name, Err: errors.New("not a directory")}
		}
		return d.root.Remove(name)
	case "Link":
		return d.root.Link(name, target)
	case "Setstat":
		return d.setstat(r, name)
	}
	return sftp.ErrSSHFxOpUnsupported
}

func (d *directory) setstat(r *sftp.Request, name string) error {
	flags, attributes := r.AttrFlags(), r.Attributes()
	if flags.Size {
		f, err := d.root.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Truncate(int64(attributes.Size)), f.Close()); err != nil {
			return err
		}
	}
	if flags.Permissions {
		if err := d.root.Chmod(name, attributes.FileMode().Perm()); err != nil {
			return err
		}
	}
	if flags.Acmodtime {
		return d.root.Chtimes(name, attributes.AccessTime(), attributes.ModTime())
	}
	return nil
}

// PosixRename replaces, as the extension says.
func (d *directory) PosixRename(r *sftp.Request) error {
	return d.root.Rename(below(r.Filepath), below(r.Target))
}

func (d *directory) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	switch r.Method {
	case "Stat":
		info, err := d.root.Stat(below(r.Filepath))
		return infos{info}, err
	case "List":
		return d.list(below(r.Filepath))
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

func (d *directory) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	info, err := d.root.Lstat(below(r.Filepath))
	return infos{info}, err
}

func (d *directory) list(name string) (sftp.ListerAt, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all infos
	for _, entry := range names {
		info, err := d.root.Lstat(path.Join(name, entry))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}

type infos []fs.FileInfo

func (l infos) ListAt(to []fs.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(to, l[offset:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}
