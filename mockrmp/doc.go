// SPDX-License-Identifier: Apache-2.0

// Package mockrmp is a mock of the RunMyProcess platform: Composite APIs behind
// real HTTP and HTTPS listeners, users with Basic authentication, a journal of
// every request, faults on demand, and an admin API over HTTP, so that it is
// driven the same way in this process and in a container.
//
// It knows nothing of CoAP.
//
// # What it answers
//
// A Composite API stands at /live/{customer}/host/{host}/service/{service}. A
// request to one is looked at in this order:
//
//	404  the path is no Composite API's: the nearest one stands in the body and in the journal
//	405  another method (with Allow)
//	404  another P_mode; a request without P_mode is in mode LIVE
//	401  no, or wrong, credentials (with WWW-Authenticate)
//	403  another user's credentials
//	415  a body of another media type
//	406  an Accept that the next answer does not meet, which is then kept
//
// and then gets the API's next answer. A body may be up to [MaxBody] bytes; a
// longer one is answered 413. HTTP/2 is not spoken: the faults are faults of a
// connection.
//
// The journal holds a request from its arrival, byte for byte in its target,
// also one that is no HTTP at all. It keeps customers apart, and its limit; where
// the limit has cost requests it says so rather than show fewer.
//
// # The admin API
//
// Bodies are JSON. A refusal has the type application/problem+json with title,
// status and detail (RFC 9457). There are no credentials: it must only be
// reached by tests.
//
//	GET /ready
//	    204 once the platform answers.
//	PUT /users
//	    {"name": "hello", "password": "world"}; 204. A user that exists gets the password.
//	DELETE /users?name=hello
//	    204, also when there was no such user.
//	PUT /apis
//	    An [API]; 204. It takes the place of one at the same path, and its answers
//	    begin anew. Bodies are in Base64, delays in nanoseconds.
//	DELETE /customers?name=aaaa
//	    204. The customer's APIs and journal are gone, and the connections of
//	    answers under way are cut.
//	GET /journal?customer=aaaa&host=bbbb&service=cccc&after=7&atLeast=2&wait=5s
//	    {"requests": […], "dropped": 0}; each is a [Request]. Every parameter may be
//	    left out. It answers once so many of these requests have been answered, or
//	    after the wait, of which at most 30s are granted. Dropped is how many requests of
//	    these customers the journal has lost to its limit; nothing can then be said of
//	    their number.
//
// # The configuration file
//
// The program reads this with [ParseConfig]; a field that is not known is an
// error with its line.
//
//	listen:
//	  http: 127.0.0.1:8080
//	  https: 127.0.0.1:8443   # needs tls
//	  admin: 127.0.0.1:8081   # off when left out
//	tls:
//	  certificate: platform.pem   # a file, from this file's folder, or the PEM text itself
//	  key: platform.key
//	users:
//	  - name: hello
//	    password: world
//	apis:
//	  - customer: aaaa
//	    host: bbbb
//	    service: cccc
//	    method: GET
//	    answers:
//	      - status: 200
//	        contentType: application/json
//	        body: '{"open": 3}'   # or !!binary and Base64
//	        delay: 500ms
//	      - fault: reset          # or garbage, truncated, never
//	journalBytes: 268435456       # when left out
package mockrmp
