@inbound
Feature: Methods, content types and character sets of a Composite API
  It is possible to send the usual GET, PUT, POST and DELETE methods, content types and character
  sets of a Composite API.

  Background:
    Given the user "hello" with the password "world"

  @RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: The usual methods
    Given a Composite API "orders" that answers <method> with <status>
    When the device sends a confirmable <method> to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives <code>
    And the Composite API "orders" was called once, with the method <method>

    Examples:
      | method | status | code         |
      | GET    | 200    | 2.05 Content |
      | POST   | 201    | 2.01 Created |
      | PUT    | 204    | 2.04 Changed |
      | DELETE | 204    | 2.02 Deleted |

  @RMP-3.1-28
  Scenario Outline: Other methods
    Given a Composite API "orders" that answers GET with 200
    When the device sends a confirmable <method> to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 4.05 Method Not Allowed
    And no request reached the platform

    Examples:
      | method |
      | FETCH  |
      | PATCH  |
      | 0.31   |

  @RMP-3.1-48 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Success statuses of the platform
    A DELETE that finds nothing has reached what it was sent for.

    Given a Composite API "orders" that answers <method> with <status>
    When the device sends a confirmable <method> to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives <code>
    And the Composite API "orders" was called

    Examples:
      | method | status | code         |
      | GET    | 200    | 2.05 Content |
      | POST   | 200    | 2.04 Changed |
      | POST   | 201    | 2.01 Created |
      | POST   | 204    | 2.04 Changed |
      | PUT    | 200    | 2.04 Changed |
      | PUT    | 201    | 2.01 Created |
      | PUT    | 204    | 2.04 Changed |
      | DELETE | 200    | 2.02 Deleted |
      | DELETE | 204    | 2.02 Deleted |
      | DELETE | 404    | 2.02 Deleted |

  @RMP-3.1-11 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: What the device sends
    d21.5 is CBOR (RFC 8949) for the text 21.5.

    Given a Composite API "readings" that answers <method> with 201
    When the device sends a confirmable <method> to "/coap2http" with the options
      | Proxy-Uri      | {readings}?P_mode=TEST&AuthToken={token of hello} |
      | Content-Format | <format>                                          |
      | Payload        | <payload>                                         |
    Then the device receives 2.01 Created
    And the Composite API "readings" was called once, with the header "Content-Type" "<content type>"
    And the Composite API "readings" was called once, with the body '<payload>'

    Examples:
      | method | format | content type              | payload           |
      | POST   | 0      | text/plain;charset=utf-8  | 21.5 degrees      |
      | POST   | 40     | application/link-format   | </t>;rt="celsius" |
      | POST   | 41     | application/xml           | <t>21.5</t>       |
      | POST   | 42     | application/octet-stream  | raw               |
      | POST   | 50     | application/json          | {"celsius": 21}   |
      | POST   | 60     | application/cbor          | d21.5             |
      | PUT    | 0      | text/plain;charset=utf-8  | 21.5 degrees      |
      | PUT    | 41     | application/xml           | <t>21.5</t>       |
      | PUT    | 42     | application/octet-stream  | raw               |
      | PUT    | 50     | application/json          | {"celsius": 21}   |
      | PUT    | 60     | application/cbor          | d21.5             |

  @RMP-3.1-42 @given:RMP-3.1-11 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Text of any language
    Content-Format 0 is text in UTF-8, and nothing else.

    Given a Composite API "notes" that answers <method> with 201
    When the device sends a confirmable <method> to "/coap2http" with the options
      | Proxy-Uri      | {notes}?P_mode=TEST&AuthToken={token of hello} |
      | Content-Format | 0                                              |
      | Payload        | <text>                                         |
    Then the device receives 2.01 Created
    And the Composite API "notes" was called once, with the header "Content-Type" "text/plain;charset=utf-8"
    And the Composite API "notes" was called once, with the body '<text>'

    Examples:
      | method | text           | of                        |
      | POST   | 21.5 °C        | two bytes a character     |
      | POST   | Ζωή            | Greek                     |
      | POST   | температура    | Cyrillic                  |
      | POST   | 温度 21         | three bytes a character   |
      | POST   | 🌡 21           | four bytes a character    |
      | PUT    | 21.5 °C        | two bytes a character     |
      | PUT    | 🌡 21           | four bytes a character    |

  @RMP-3.1-42 @given:RMP-3.1-11 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Text in another character set is bytes to the gateway
    A device has no way to name another character set. It sends such text as octets.

    Given a Composite API "notes" that answers POST with 201
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri      | {notes}?P_mode=TEST&AuthToken={token of hello} |
      | Content-Format | 42                                             |
      | Payload in hex | <bytes>                                        |
    Then the device receives 2.01 Created
    And the Composite API "notes" was called once, with the header "Content-Type" "application/octet-stream"
    And the Composite API "notes" was called once, with the body bytes "<bytes>"

    Examples:
      | bytes                         | which is                     |
      | 63 61 66 e9                   | café in ISO 8859-1           |
      | 00 63 00 61 00 66 00 e9       | café in UTF-16, high byte first |
      | 00 0a 0d 1a 7f 80 fe ff       | nothing that is text         |

  @RMP-3.1-12 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: What the device gets
    d21.5 is CBOR (RFC 8949) for the text 21.5.

    Given a Composite API "orders" that answers <method> with <status> and
      """<content type>
      <body>
      """
    When the device sends a confirmable <method> to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives <code> with the payload "<body>"
    And the response has the option Content-Format <format>

    Examples:
      | method | status | code         | content type              | format | body        |
      | GET    | 200    | 2.05 Content | text/plain; charset=utf-8 | 0      | 21.5 °C     |
      | GET    | 200    | 2.05 Content | application/link-format   | 40     | </sensors/> |
      | GET    | 200    | 2.05 Content | application/xml           | 41     | <t>21.5</t> |
      | GET    | 200    | 2.05 Content | application/octet-stream  | 42     | raw         |
      | GET    | 200    | 2.05 Content | application/json          | 50     | [1]         |
      | GET    | 200    | 2.05 Content | application/cbor          | 60     | d21.5       |
      | POST   | 200    | 2.04 Changed | application/json          | 50     | [1]         |
      | POST   | 201    | 2.01 Created | application/xml           | 41     | <t>21.5</t> |
      | PUT    | 200    | 2.04 Changed | text/plain; charset=utf-8 | 0      | 21.5 °C     |
      | DELETE | 200    | 2.02 Deleted | application/json          | 50     | [1]         |

  @RMP-3.1-24 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: What the device accepts
    Given a Composite API "orders" that answers GET with 200 and
      """application/json
      []
      """
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
      | Accept    | 50                                              |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, with the header "Accept" "application/json"

  @RMP-3.1-25 @given:RMP-3.1-12 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Text that is not UTF-8
    Given a Composite API "greeting" that answers GET with 200 and the bytes "63 61 66 e9" of "<content type>"
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {greeting}?P_mode=TEST&AuthToken={token of hello} |
    Then the device does not receive under Content-Format 0 what is no UTF-8

    Examples:
      | content type                     | which is                  |
      | text/plain; charset=iso-8859-1   | as it says                |
      | text/plain; charset=x-unheard-of | in an unknown character set |
      | text/plain; charset=utf-8        | not what it says          |
      | text/plain                       | in no character set       |

  @RMP-3.1-49 @given:RMP-3.1-25 @given:RMP-3.1-12 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Text in another character set
    A gateway may transcode, hand the text on as something else, or refuse to hand it on (RFC 8075 §6.5).

    Given a Composite API "greeting" that answers GET with 200 and the bytes "<bytes>" of "<content type>"
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {greeting}?P_mode=TEST&AuthToken={token of hello} |
    Then the device does not receive other text than "<text>" under Content-Format 0

    Examples:
      | bytes             | content type                     | text |
      | 63 61 66 e9       | text/plain; charset=iso-8859-1   | café |
      | 63 61 66 e9       | text/plain; charset=ISO-8859-1   | café |
      | 63 61 66 e9       | text/plain; charset=windows-1252 | café |
      | 80                | text/plain; charset=windows-1252 | €    |
      | a4                | text/plain; charset=iso-8859-15  | €    |
      | c4 d9             | text/plain; charset=koi8-r       | ды   |
      | 93 fa             | text/plain; charset=shift_jis    | 日   |
      | 00 61 00 e9       | text/plain; charset=utf-16be     | aé   |
      | 63 61 66 c3 a9    | text/plain; charset=utf-8        | café |

  @RMP-3.1-21 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Error statuses of the platform
    Given a Composite API "orders" that answers GET with <status> and
      """text/plain
      told you
      """
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives <code>

    Examples:
      | status | code                            |
      | 400    | 4.00 Bad Request                |
      | 403    | 4.03 Forbidden                  |
      | 404    | 4.04 Not Found                  |
      | 412    | 4.12 Precondition Failed        |
      | 413    | 4.13 Request Entity Too Large   |
      | 500    | 5.00 Internal Server Error      |
      | 501    | 5.01 Not Implemented            |
      | 502    | 5.02 Bad Gateway                |
      | 503    | 5.03 Service Unavailable        |
      | 504    | 5.04 Gateway Timeout            |

  @RMP-3.1-29 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Another method than the Composite API's own
    Given a Composite API "orders" that answers <own> with 200
    When the device sends a confirmable <method> to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 4.05 Method Not Allowed
    And the Composite API "orders" was called once, with the method <method>

    Examples:
      | own    | method |
      | POST   | GET    |
      | GET    | POST   |
      | GET    | PUT    |
      | GET    | DELETE |
      | DELETE | PUT    |

  @RMP-3.1-30 @given:RMP-3.1-11 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: A media type that the Composite API does not take
    Given a Composite API "readings" that answers <method> with 200
    And the Composite API "readings" takes "application/json" alone
    When the device sends a confirmable <method> to "/coap2http" with the options
      | Proxy-Uri      | {readings}?P_mode=TEST&AuthToken={token of hello} |
      | Content-Format | <format>                                          |
      | Payload        | 21.5                                              |
    Then the device receives 4.15 Unsupported Content-Format
    And the Composite API "readings" was called once, with the method <method>

    Examples:
      | method | format |
      | POST   | 0      |
      | POST   | 41     |
      | PUT    | 0      |

  @RMP-3.1-31 @given:RMP-3.1-24 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: An Accept that the Composite API cannot meet
    Given a Composite API "orders" that answers GET with 200 and
      """application/json
      []
      """
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
      | Accept    | <format>                                        |
    Then the device receives 4.06 Not Acceptable
    And the Composite API "orders" was called

    Examples:
      | format |
      | 0      |
      | 41     |

  @RMP-3.1-22 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The platform's answer is no HTTP
    Given a Composite API "orders" that answers GET with 200
    And the Composite API "orders" answers with garbage
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 5.02 Bad Gateway
    And the Composite API "orders" was called

  @RMP-3.1-22 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: The platform's connection breaks
    Given a Composite API "orders" that answers GET with 200
    And the Composite API "orders" <fault>
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 5.02 Bad Gateway or 5.04 Gateway Timeout
    And the Composite API "orders" was called

    Examples:
      | fault                       |
      | resets the connection       |
      | breaks off within the body  |

  @RMP-3.1-47 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: A POST that the platform breaks off is not sent again
    What a POST has done on the platform cannot be known when the connection breaks. GET, PUT and
    DELETE may be repeated (RFC 9110 §9.2.2).

    Given a Composite API "orders" that answers POST with 200
    And the Composite API "orders" <fault>
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri      | {orders}?P_mode=TEST&AuthToken={token of hello} |
      | Content-Format | 50                                              |
      | Payload        | {"celsius": 21}                                 |
    Then the device receives 5.02 Bad Gateway or 5.04 Gateway Timeout
    And the Composite API "orders" was called once

    Examples:
      | fault                       |
      | resets the connection       |
      | answers with garbage        |
      | breaks off within the body  |

  @RMP-3.1-47 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A connection that was used before
    Given a Composite API "orders" that answers POST with 200
    And the Composite API "orders" resets the connection from the second request on
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    And the device receives 2.04 Changed
    And the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 5.02 Bad Gateway or 5.04 Gateway Timeout
    And the Composite API "orders" was called 2 times
