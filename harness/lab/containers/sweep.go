// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// The labels of everything that a lab makes.
const (
	// Label holds the lab's id, or "image".
	Label = "io.coapstone.lab"
	// ownerLabel holds the process that the lab belongs to.
	ownerLabel = "io.coapstone.owner"
)

// imageLife is how long an image is kept for the next start: every new program
// makes a new one.
const imageLife = 24 * time.Hour

// Swept is what a sweep took away, by name.
type Swept struct{ Containers, Networks, Images []string }

// Sweep takes away what labs left behind whose processes are gone, and images
// of more than a day ago; with all set, everything.
func Sweep(ctx context.Context, all bool) (Swept, error) {
	cli, err := connect(ctx)
	if err != nil {
		return Swept{}, err
	}
	defer cli.Close()
	return sweep(ctx, cli, all)
}

func sweep(ctx context.Context, cli *client.Client, all bool) (Swept, error) {
	ours := make(client.Filters).Add("label", Label)
	var swept Swept
	var errs []error
	containers, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return swept, fmt.Errorf("cannot list containers: %w", err)
	}
	for _, c := range containers.Items {
		if !all && !orphaned(c.Labels[ownerLabel]) {
			continue
		}
		_, err := cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err = ignoreGone(err); err == nil {
			swept.Containers = append(swept.Containers, name(c.Names, c.ID))
		}
		errs = append(errs, err)
	}
	networks, err := cli.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	if err != nil {
		return swept, fmt.Errorf("cannot list networks: %w", err)
	}
	for _, n := range networks.Items {
		if !all && !orphaned(n.Labels[ownerLabel]) {
			continue
		}
		_, err := cli.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		if err = ignoreGone(err); err == nil {
			swept.Networks = append(swept.Networks, n.Name)
		}
		errs = append(errs, err)
	}
	images, err := cli.ImageList(ctx, client.ImageListOptions{Filters: ours})
	errs = append(errs, err)
	for _, i := range images.Items {
		if !all && time.Since(time.Unix(i.Created, 0)) < imageLife {
			continue
		}
		_, err := cli.ImageRemove(ctx, i.ID, client.ImageRemoveOptions{Force: all, PruneChildren: true})
		switch {
		case err == nil:
			swept.Images = append(swept.Images, name(i.RepoTags, i.ID))
		case cerrdefs.IsNotFound(err), !all && cerrdefs.IsConflict(err): // gone, or in use
		default:
			errs = append(errs, err)
		}
	}
	return swept, errors.Join(errs...)
}

// ignoreGone drops the error about what is gone already: two sweeps may meet.
func ignoreGone(err error) error {
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}

func name(names []string, id string) string {
	if len(names) > 0 {
		return names[0]
	}
	return id
}
