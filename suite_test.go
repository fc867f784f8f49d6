// SPDX-License-Identifier: Apache-2.0

package coapstone_test

import (
	"os"
	"testing"
	"time"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/verdict"
)

func TestReferenceGatewayPassesTheBuiltInSuite(t *testing.T) {
	// Half as many as usual: with the race detector, on two processors, more make
	// each other late.
	coapstone.Test(t, coapstone.Options{Workers: 16})
}

func TestStockDeviceThatCallsPassesTheBuiltInSuite(t *testing.T) {
	coapstone.Test(t, coapstone.Options{
		Role: verdict.DeviceClient, Tags: "@device", Expectations: known(t, "fixtures/expectations/stock-device-client.yaml"),
		// A failure that is known must stay one, however late a busy machine is.
		LagBudget: time.Minute,
	})
}

func TestStockDeviceThatIsCalledPassesTheBuiltInSuite(t *testing.T) {
	coapstone.Test(t, coapstone.Options{Role: verdict.DeviceServer, Tags: "@device"})
}

func known(t *testing.T, file string) []verdict.Expectation {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	expectations, err := verdict.ParseExpectations(file, b)
	if err != nil {
		t.Fatal(err)
	}
	return expectations
}
