package sftpio

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"cardbatch/internal/privatefile"
)

// keyFileLimit is far above any private key: 16384-bit RSA in PEM has 13 kB.
const keyFileLimit = 64 << 10

// methods turns what is configured into the library's login methods. finish is
// to be called when the login is over.
func (a Auth) methods(timeout time.Duration) (methods []ssh.AuthMethod, finish func(), err error) {
	finish = func() {}
	var signers []ssh.Signer
	if a.KeyFile != "" {
		signer, err := a.keySigner()
		if err != nil {
			return nil, finish, err
		}
		signers = append(signers, signer)
	} else if a.CertificateFile != "" {
		return nil, finish, fmt.Errorf("certificate %s: its key file is not configured", a.CertificateFile)
	}
	if a.Agent {
		more, done, err := agentSigners(timeout)
		if err != nil {
			return nil, finish, err
		}
		finish = done
		signers = append(signers, more...)
	}
	if len(signers) > 0 {
		methods = append(methods, ssh.PublicKeys(signers...)) // one method: the library takes only the first of a kind
	}
	if a.Password != nil {
		methods = append(methods,
			ssh.PasswordCallback(a.Password),
			ssh.KeyboardInteractive(a.answerPrompts))
	}
	if len(methods) == 0 {
		finish()
		return nil, func() {}, errors.New("no way to log in is configured, or the agent holds no key: give a key file, an agent or a password")
	}
	return methods, finish, nil
}

// noting remembers why the password could not be had: the library's error would
// blame the server for it.
func (a Auth) noting(failed *error) Auth {
	if ask := a.Password; ask != nil {
		a.Password = func() (string, error) {
			password, err := ask()
			if err != nil {
				*failed = err
			}
			return password, err
		}
	}
	return a
}

// keySigner reads the private key, and binds the certificate to it.
func (a Auth) keySigner() (ssh.Signer, error) {
	content, err := privatefile.Read(a.KeyFile, keyFileLimit)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(content)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		signer, err = a.unlock(content)
	}
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", a.KeyFile, err)
	}
	if a.CertificateFile == "" {
		return signer, nil
	}
	content, err = os.ReadFile(a.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(content)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: it is not in OpenSSH's format", a.CertificateFile)
	}
	certificate, ok := public.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("certificate %s: it holds a plain key", a.CertificateFile)
	}
	signer, err = ssh.NewCertSigner(certificate, signer)
	if err != nil {
		return nil, fmt.Errorf("certificate %s does not belong to the key %s", a.CertificateFile, a.KeyFile)
	}
	return signer, nil
}

func (a Auth) unlock(content []byte) (ssh.Signer, error) {
	if a.KeyPassphrase == nil {
		return nil, errors.New("it has a passphrase, and none is configured")
	}
	passphrase, err := a.KeyPassphrase()
	if err != nil {
		return nil, fmt.Errorf("its passphrase: %w", err)
	}
	signer, err := ssh.ParsePrivateKeyWithPassphrase(content, []byte(passphrase))
	if err != nil {
		return nil, errors.New("the passphrase does not fit, or the file is damaged")
	}
	return signer, nil
}

func agentSigners(timeout time.Duration) ([]ssh.Signer, func(), error) {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nil, errors.New("the agent is configured, but SSH_AUTH_SOCK is not set")
	}
	conn, err := net.DialTimeout("unix", socket, timeout)
	if err != nil {
		return nil, nil, fmt.Errorf("no agent answers at SSH_AUTH_SOCK: %w", err)
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("agent: %w", err)
	}
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("agent: %w", err)
	}
	return signers, func() { conn.Close() }, nil
}

// answerPrompts gives the password to servers that ask for it as a question. It
// answers one hidden question and nothing else.
func (a Auth) answerPrompts(_, _ string, questions []string, echos []bool) ([]string, error) {
	switch {
	case len(questions) == 0:
		return nil, nil
	case len(questions) > 1 || echos[0]:
		return nil, errors.New("the server asks for more than a password")
	}
	password, err := a.Password()
	return []string{password}, err
}
