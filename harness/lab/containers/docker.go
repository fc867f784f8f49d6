// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// dockerTimeout bounds how long a Docker daemon may take to say that it is there.
const dockerTimeout = 10 * time.Second

// ErrNoDocker is the error of Open and Sweep where no Docker daemon answers.
var ErrNoDocker = errors.New("no Docker daemon answers")

// tame sets what Testcontainers has for a whole process. Once: labs open at the
// same time, and it reads these without a lock.
var tame = sync.OnceValue(func() error {
	// It would write its progress to the standard error, which is our caller's.
	tclog.SetDefault(tclog.NewNoopLogger())
	// Its helper container would have to be pulled; our own labels do its work.
	return os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
})

// connect finds the Docker daemon, the one that Testcontainers will use.
func connect(ctx context.Context) (*client.Client, error) {
	if err := tame(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dockerTimeout)
	defer cancel()
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		// Testcontainers would go on to other places where this one is dead.
		if err := ping(ctx); err != nil {
			return nil, fmt.Errorf("%w at DOCKER_HOST=%s: start it, correct DOCKER_HOST, or use --lab embedded", ErrNoDocker, host)
		}
	}
	cli, err := fromTestcontainers(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: install and start Docker, or set DOCKER_HOST, or use --lab embedded", ErrNoDocker)
	}
	return cli, nil
}

// ping asks the daemon that the environment names.
func ping(ctx context.Context) error {
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	_, err = cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	return errors.Join(err, cli.Close())
}

// fromTestcontainers looks where Testcontainers looks: DOCKER_HOST, a context,
// the sockets of this machine, its properties file. It panics where there is none.
func fromTestcontainers(ctx context.Context) (cli *client.Client, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	tc, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := tc.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, errors.Join(err, tc.Close())
	}
	return tc.Client, nil
}
