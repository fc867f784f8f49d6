// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/credential"
)

// The hashes are those that sha256sum gives, the tokens those of base64.
func TestTheKeyIsTheHashOfThePasswordInHexadecimalDigits(t *testing.T) {
	for password, want := range map[string]string{
		"world":       "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7",
		"rmppassword": "71345bcfacadbb007d552daa17d7ed937e945ec54b04dfc1344420ff070bd788",
		"größe":       "d353a2671b67afff0941ae456e5c76e9394bd6579774ae7542a6185fb9843384",
	} {
		if got := credential.PSKKey(password); got != want {
			t.Errorf("%q: got %s, want %s", password, got, want)
		}
	}
}

func TestTheTokenIsTheBase64FormOfNameAndPassword(t *testing.T) {
	for _, tt := range []struct{ user, password, want string }{
		{"hello", "world", "aGVsbG86d29ybGQ="},
		{"hello", "a:b", "aGVsbG86YTpi"},
		{"jürgen", "größe", "asO8cmdlbjpncsO2w59l"},
	} {
		if got, err := credential.AuthToken(tt.user, tt.password); err != nil || got != tt.want {
			t.Errorf("%s:%s: got %s, %v; want %s", tt.user, tt.password, got, err, tt.want)
		}
	}
}

func TestAUserNameWithAColonHasNoToken(t *testing.T) {
	if _, err := credential.AuthToken("a:b", "c"); err == nil || !strings.Contains(err.Error(), "colon") {
		t.Errorf("got %v", err)
	}
}
