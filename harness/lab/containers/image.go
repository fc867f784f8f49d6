// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/coapstone/coapstone/fixtures/image"
)

// repository is the name of our images, without the tag.
const repository = "coapstone-lab"

// built is an image with the program in it.
type built struct {
	// Name is repository:tag, the tag made from the program's bytes.
	Name string
	// Digest is the image's id: "sha256:…".
	Digest string
}

// buildImage builds the image, unless one with this very program is there.
func buildImage(ctx context.Context, cli *client.Client, program []byte) (built, error) {
	sum := sha256.Sum256(append([]byte(image.Dockerfile), program...))
	tag := hex.EncodeToString(sum[:6])
	name := repository + ":" + tag
	if got, err := cli.ImageInspect(ctx, name); err == nil {
		return built{name, got.ID}, nil
	}
	files, err := buildContext(program)
	if err != nil {
		return built{}, err
	}
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return built{}, err
	}
	defer provider.Close()
	_, err = provider.BuildImage(ctx, &testcontainers.ContainerRequest{
		FromDockerfile: testcontainers.FromDockerfile{
			ContextArchive: bytes.NewReader(files),
			Repo:           repository,
			Tag:            tag,
			BuildOptionsModifier: func(o *client.ImageBuildOptions) {
				if o.Labels == nil {
					o.Labels = map[string]string{}
				}
				o.Labels[Label] = "image"
				o.NetworkMode = "none"
				o.PullParent = false
			},
		},
	})
	if err != nil {
		return built{}, fmt.Errorf("cannot build the image: %w", err)
	}
	got, err := cli.ImageInspect(ctx, name)
	if err != nil {
		return built{}, fmt.Errorf("the image %s was built and is not there: %w", name, err)
	}
	return built{name, got.ID}, nil
}

// buildContext is the recipe and the program as a tar archive.
func buildContext(program []byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"Dockerfile", 0o644, []byte(image.Dockerfile)},
		{"coapstone", 0o755, program},
	} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
