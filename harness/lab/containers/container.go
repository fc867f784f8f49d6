// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// configDir is where a container finds its configuration: an anonymous volume,
// because the file system itself is read-only.
const configDir = "/config"

// spec is one container of a lab.
type spec struct {
	lab     string // the lab's id
	image   string
	name    string // "gateway" or "platform"
	command string // the subcommand of coapstone
	host    string // its name on the network
	bridge  *bridge
	place   int    // which address of the bridge
	config  []byte // what the command reads
	verbose bool   // it is to say all that it can
}

// start runs a container; it is removed again when that fails.
func start(ctx context.Context, cli *client.Client, s spec) (*testcontainers.DockerContainer, error) {
	args := []string{s.command, "--config", configDir + "/" + s.name + ".yaml"}
	if s.verbose {
		args = append(args, "--verbose")
	}
	c, err := testcontainers.Run(ctx, s.image,
		testcontainers.WithName("coapstone-"+s.lab+"-"+s.name),
		testcontainers.WithLabels(labels(s.lab)),
		testcontainers.WithCmd(args...),
		testcontainers.WithConfigModifier(func(c *container.Config) {
			c.Hostname = s.name
			c.Volumes = map[string]struct{}{configDir: {}}
		}),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.ReadonlyRootfs = true
			h.CapDrop = []string{"ALL"}
			h.SecurityOpt = []string{"no-new-privileges"}
		}),
		withNetwork(s),
		testcontainers.WithAdditionalLifecycleHooks(testcontainers.ContainerLifecycleHooks{
			PostCreates: []testcontainers.ContainerHook{func(ctx context.Context, c testcontainers.Container) error {
				return copyConfig(ctx, cli, c.GetContainerID(), s.name+".yaml", s.config)
			}},
		}),
	)
	if err != nil {
		if c != nil {
			err = errors.Join(err, remove(context.WithoutCancel(ctx), cli, c.GetContainerID()))
		}
		return nil, fmt.Errorf("cannot start the container of the %s: %w", s.name, err)
	}
	return c, nil
}

func withNetwork(s spec) testcontainers.CustomizeRequestOption {
	return func(r *testcontainers.GenericContainerRequest) error {
		r.Networks = []string{s.bridge.Name}
		r.EndpointSettingsModifier = func(settings map[string]*network.EndpointSettings) {
			e := settings[s.bridge.Name]
			e.Aliases = []string{s.host}
			e.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: addr(s.bridge.V4, s.place)}
			if s.bridge.V6.IsValid() {
				e.IPAMConfig.IPv6Address = addr(s.bridge.V6, s.place)
			}
		}
		return nil
	}
}

// copyConfig puts a file into the volume of a container that is not yet started.
func copyConfig(ctx context.Context, cli *client.Client, id, name string, data []byte) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	// It holds test keys and is read by a user that owns nothing in there.
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o444, Size: int64(len(data))}); err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := cli.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: configDir, Content: &b})
	return err
}

func remove(ctx context.Context, cli *client.Client, id string) error {
	_, err := cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return ignoreGone(err)
}

// logTimeout bounds how long a container's last words may take.
const logTimeout = 5 * time.Second

// maxSaid is how much of a container's log is read, in bytes.
const maxSaid = 64 << 20

// said is all that a container has written so far, to both its outputs.
func said(ctx context.Context, cli *client.Client, id string) (string, error) {
	r, err := cli.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return "", fmt.Errorf("cannot read the log of a container: %w", err)
	}
	defer r.Close()
	var b strings.Builder
	if _, err := stdcopy.StdCopy(&b, &b, io.LimitReader(r, maxSaid)); err != nil {
		return "", fmt.Errorf("cannot read the log of a container: %w", err)
	}
	return b.String(), nil
}

// lastWords is the end of a container's log on one line, for an error about it.
func lastWords(ctx context.Context, cli *client.Client, id string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTimeout)
	defer cancel()
	r, err := cli.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "5"})
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := stdcopy.StdCopy(&b, &b, io.LimitReader(r, 1<<16)); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Split(strings.TrimSpace(b.String()), "\n"), " / ")
}
