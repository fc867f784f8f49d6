// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"context"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// SignPayload signs anything, as whoever holds the key can.
func SignPayload(ctx context.Context, s *Signer, payload []byte) (*dsse.Envelope, error) {
	signer, err := dsse.NewEnvelopeSigner(s.key)
	if err != nil {
		return nil, err
	}
	return signer.SignPayload(ctx, PayloadType, payload)
}
