@inbound @security
Feature: The gateway proxies to the platform and nowhere else
  It is essential that the Proxy-Uri names a Composite API. A gateway that called whatever a device
  names would be an open proxy.

  Background:
    Given the user "hello" with the password "world"
    And a Composite API "orders" that answers GET with 200

  @RMP-3.1-03
  Scenario: No Proxy-Uri at all
    When the device sends a confirmable GET to "/coap2http"
    Then the device receives 4.00 Bad Request
    And the response has a diagnostic payload
    And no request reached the platform

  @RMP-3.1-04
  Scenario Outline: A host that is not the platform
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | <uri>?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 5.05 Proxying Not Supported
    And no request reached the platform

    Examples:
      | uri                                         |
      | http://169.254.169.254/latest/meta-data     |
      | http://127.0.0.1:9/                         |
      | http://[::1]:9/                             |
      | http://[2001:db8::9]/                       |
      | https://example.org/live/aaaa               |
      | http://user@example.org/                    |
      | http://platform.example.org/                |

  @RMP-3.1-16
  Scenario Outline: A scheme that is not HTTP
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | <uri> |
    Then the device receives 5.05 Proxying Not Supported
    And no request reached the platform

    Examples:
      | uri                             |
      | ftp://live.runmyprocess.com/    |
      | file:///etc/passwd              |
      | coap://198.51.100.7/sensor      |
      | gopher://live.runmyprocess.com/ |

  @RMP-3.1-32 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The longest Proxy-Uri
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&x={filler to 1034 bytes}&AuthToken={token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "hello"

  @RMP-3.1-33
  Scenario: A Proxy-Uri that is one byte too long
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&x={filler to 1035 bytes}&AuthToken={token of hello} |
    Then the device receives 4.02 Bad Option
    And no request reached the platform

  @RMP-3.1-34
  Scenario Outline: A second Proxy-Uri
    Given a Composite API "invoices" that answers GET with 200
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
      | Proxy-Uri | <second>                                        |
    Then the device receives 4.02 Bad Option
    And no request reached the platform

    Examples:
      | second                                            | which is         |
      | {orders}?P_mode=TEST&AuthToken={token of hello}   | the same again   |
      | {invoices}?P_mode=TEST&AuthToken={token of hello} | another one      |

  @RMP-3.1-35
  Scenario Outline: A Proxy-Uri that is no absolute URI
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | <uri> |
    Then the device receives 4.00 Bad Request, 4.02 Bad Option or 5.05 Proxying Not Supported
    And no request reached the platform

    Examples:
      | uri                                                              | fault                    |
      | /live/aaaa/host/bbbb/service/cccc?AuthToken={token of hello}     | no scheme and no host    |
      | //live.runmyprocess.com/live?AuthToken={token of hello}          | no scheme                |
      | orders                                                           | a word                   |
      | http:                                                            | a scheme alone           |
      | http:///live/aaaa?AuthToken={token of hello}                     | no host                  |
      | {orders}/%zz?AuthToken={token of hello}                          | no percent-encoding      |
      | {orders} x?AuthToken={token of hello}                            | a space                  |

  @RMP-3.1-40 @given:RMP-3.1-20 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Other Uri options beside the Proxy-Uri
    They must not be there, and do not count when they are.

    When the device sends a confirmable GET with the options
      | <option>  | <value>                                         |
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, with the query "P_mode=TEST"

    Examples:
      | option    | value       |
      | Uri-Path  | other       |
      | Uri-Path  | .well-known |
      | Uri-Query | x=1         |
      | Uri-Query | AuthToken=  |
      | Uri-Host  | example.org |
      | Uri-Port  | 9           |

  @RMP-3.1-41 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The target in Proxy-Scheme and Uri options
    When the device sends a confirmable GET to "" with Proxy-Scheme and the Uri options of "{orders}?P_mode=TEST&q=a%20b&AuthToken={token of hello}"
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "hello"
    And the Composite API "orders" was called once, with the query "P_mode=TEST&q=a%20b"

  @RMP-3-05 @given:RMP-3-03 @given:RMP-3.1-03
  Scenario Outline: A Proxy-Uri that names the gateway itself
    A proxy must know its own names and addresses, or it would call itself.

    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {gateway}<path> |
    Then the device receives <code>
    And no request reached the platform

    Examples:
      | path              | code            |
      | /no/such/resource | 4.04 Not Found  |
      | /coap2http        | 4.00 Bad Request |
