// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// logger hands pion's log to slog, all of it at level debug: most of it is about
// datagrams that anybody may send. Its trace, which holds parts of handshakes, is
// left out.
type logger struct{ log *slog.Logger }

var _ logging.LoggerFactory = logger{}

// NewLogger implements logging.LoggerFactory.
func (l logger) NewLogger(string) logging.LeveledLogger { return l }

func (l logger) say(s string)            { l.log.Debug("DTLS: " + s) }
func (l logger) sayf(f string, a ...any) { l.log.Debug("DTLS: " + fmt.Sprintf(f, a...)) }

// Trace and the rest implement logging.LeveledLogger.
func (l logger) Trace(string)              {}
func (l logger) Tracef(string, ...any)     {}
func (l logger) Debug(s string)            { l.say(s) }
func (l logger) Debugf(f string, a ...any) { l.sayf(f, a...) }
func (l logger) Info(s string)             { l.say(s) }
func (l logger) Infof(f string, a ...any)  { l.sayf(f, a...) }
func (l logger) Warn(s string)             { l.say(s) }
func (l logger) Warnf(f string, a ...any)  { l.sayf(f, a...) }
func (l logger) Error(s string)            { l.say(s) }
func (l logger) Errorf(f string, a ...any) { l.sayf(f, a...) }
