// SPDX-License-Identifier: Apache-2.0

package need

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Env is the environment variable that says what must not be missing: a list of
// the words below with commas between them.
const Env = "COAPSTONE_REQUIRE"

// The words of Env.
const (
	Strangers  = "strangers"  // programs of other people, found by Program
	Containers = "containers" // a Docker daemon, found by Docker
)

// Program is the path of a program. Where it is not installed the test is
// skipped, or fails if strangers are required; install is the command that
// remedies it: "apt-get install tshark".
func Program(t testing.TB, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, Strangers, fmt.Sprintf("%s is not installed: %s", name, install))
	}
	return path
}

// dockerTimeout bounds how long a Docker daemon may take to say that it is there.
const dockerTimeout = 5 * time.Second

// Docker makes sure that a Docker daemon answers. Where none does the test is
// skipped, or fails if containers are required.
func Docker(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), dockerTimeout)
	defer cancel()
	var tried []string
	for _, host := range dockerHosts() {
		err := ping(ctx, host)
		if err == nil {
			return
		}
		tried = append(tried, fmt.Sprintf("%s: %v", host, err))
	}
	missing(t, Containers, "no Docker daemon answers: install docker.io (or Docker Desktop) and start it, or set DOCKER_HOST\n\t"+
		strings.Join(tried, "\n\t"))
}

// missing ends the test, one way or the other.
func missing(t testing.TB, word, what string) {
	t.Helper()
	if required(os.Getenv(Env), word) {
		t.Fatalf("%s\n\tThis is required here: %s=%s", what, Env, os.Getenv(Env))
	}
	t.Skip(what)
}

// required says whether word stands in the comma-separated list.
func required(list, word string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(s string) bool { return strings.TrimSpace(s) == word })
}

// dockerHosts is where a daemon may listen: where the environment says, else at
// the usual sockets of a daemon of root's and of one's own.
func dockerHosts() []string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	hosts := []string{"unix:///var/run/docker.sock"}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		hosts = append(hosts, "unix://"+filepath.Join(dir, "docker.sock"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		hosts = append(hosts, "unix://"+filepath.Join(home, ".docker", "run", "docker.sock"))
	}
	return hosts
}

// ping asks the daemon at host whether it is there.
func ping(ctx context.Context, host string) error {
	u, err := url.Parse(host)
	if err != nil {
		return err
	}
	address := u.Host
	if u.Scheme == "unix" {
		address = u.Path
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, u.Scheme, address)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/_ping: %s", resp.Status)
	}
	return nil
}
