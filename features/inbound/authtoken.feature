@inbound @authtoken
Feature: The AuthToken authenticates the device's user towards the platform
  The AuthToken is the Base64 form of user name, colon and password. It stands in the query of the
  Proxy-Uri. The gateway takes it out and turns it into Basic authentication.

  Background:
    Given the user "hello" with the password "world"
    And a Composite API "orders" that answers GET with 200

  @RMP-3.1-05 @given:RMP-3.1-02
  Scenario: The AuthToken becomes Basic authentication towards the platform
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "hello"

  @RMP-3.1-06 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The AuthToken does not travel on in the URL
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the Composite API "orders" was called once, with the query "P_mode=TEST"

  @RMP-3.1-07
  Scenario Outline: A request without an AuthToken
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}<query> |
    Then the device receives 4.01 Unauthorized
    And no request reached the platform

    Examples:
      | query                            |
      |                                  |
      | ?P_mode=TEST                     |
      | ?P_mode=TEST&AuthToken=          |
      | ?P_mode=TEST&AuthToken           |
      | ?P_mode=TEST&Token=aGVsbG86d29ybGQ= |
      | ?P_mode=TEST&a=AuthToken%3DaGVsbG86d29ybGQ= |

  @RMP-3.1-08
  Scenario: The platform does not accept the credentials
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={Base64 of "hello:wrong"} |
    Then the device receives 4.01 Unauthorized

  @RMP-3.1-09 @given:RMP-3.1-05 @given:RMP-3.1-02
  Scenario Outline: A line end behind the password is no part of it
    The document's own example was made from a line with its line feed.

    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken=<token> |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "hello"

    Examples:
      | token                     | form                              |
      | aGVsbG86d29ybGQK          | as the document prints it         |
      | aGVsbG86d29ybGQNCg==      | the same from a Windows machine   |

  @RMP-3.1-17
  Scenario: Two AuthTokens
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?AuthToken={token of hello}&P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 4.01 Unauthorized
    And no request reached the platform

  @RMP-3.1-18
  Scenario Outline: An AuthToken that cannot be read
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken=<token> |
    Then the device receives 4.01 Unauthorized
    And no request reached the platform

    Examples:
      | token                   | why                     |
      | ***                     | not Base64              |
      | aGVsbG8                 | no colon: "hello"       |
      | aGVsbG86d29ybGQ=x       | padding within          |

  @RMP-3.1-23 @given:RMP-3.1-05 @given:RMP-3.1-02
  Scenario Outline: Base64 characters that a query could spoil
    Given the user "a~~~?" with the password "~~~>~?>?"
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken=<token> |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "a~~~?"

    Examples:
      | token                             | form                                |
      | {token of a~~~?}                  | as it is                            |
      | {escaped token of a~~~?}          | percent-encoded                     |
      | YX5%2bfj86fn5%2bPn4%2fPj8%3d      | in lower case                       |
      | YX5+fj86fn5+Pn4/Pj8%3D            | the padding alone percent-encoded   |
      | YX5%2Bfj86fn5+Pn4%2FPj8=          | some of it percent-encoded          |
      | %59X5+fj86fn5+Pn4/Pj8=            | a letter percent-encoded            |

  @RMP-3.1-23 @given:RMP-3.1-05 @given:RMP-3.1-02
  Scenario Outline: Padding of every length
    Given the user "<user>" with the password "<password>"
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken=<token> |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "<user>"

    Examples:
      | user | password | token        |
      | anna | b        | YW5uYTpi     |
      | lisa | bc       | bGlzYTpiYw== |
      | lisa | bc       | bGlzYTpiYw%3D%3D |
      | ann  | b        | YW5uOmI=     |
      | ann  | b        | YW5uOmI%3D   |

  @RMP-3.1-45 @given:RMP-3.1-05 @given:RMP-3.1-02
  Scenario Outline: Other forms of Base64
    The document says Base64, which is the alphabet with + and /, and with padding (RFC 4648 §4). A
    gateway may be lenient, or refuse. What it must not do is to read other credentials.

    Given the user "a~~~?" with the password "~~~>~?>?"
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken=<token> |
    Then the request was served as "a~~~?", or refused with 4.01 Unauthorized and nothing was called

    Examples:
      | token                 | form                              |
      | YX5+fj86fn5+Pn4/Pj8   | without padding                   |
      | YX5-fj86fn5-Pn4_Pj8=  | the URL-safe alphabet             |
      | YX5-fj86fn5-Pn4_Pj8   | the URL-safe alphabet, without padding |
      | YX5+fj86%0Afn5+Pn4/Pj8= | a line end within               |

  @RMP-3.1-36 @given:RMP-3.1-05 @given:RMP-3.1-02
  Scenario Outline: Names and passwords beyond ASCII
    What the device encodes is UTF-8. The gateway hands on the same bytes: it neither transcodes nor
    normalizes.

    Given the user "<user>" with the password "<password>"
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={escaped token of <user>} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "<user>"

    Examples:
      | user   | password   | which is                       |
      | zoë    | pässwörd   | Latin, one character each      |
      | zoë    | pässwörd   | Latin, letter and mark apart   |
      | Ζωή    | κωδικός    | Greek                          |
      | 李雷   | 密码       | three bytes a character        |
      | fox🦊  | 🔑🔑       | four bytes a character         |
      | j r    | a b & c=d  | with spaces and a query's own characters |

  @RMP-3.1-37 @given:RMP-3.1-05 @given:RMP-3.1-02
  Scenario Outline: A colon in the password
    The user name ends at the first colon.

    Given the user "<user>" with the password "<password>"
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of <user>} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "<user>"

    Examples:
      | user  | password | where           |
      | berta | wor:ld   | within          |
      | carl  | :world   | at its start    |
      | dora  | world:   | at its end      |
      | emil  | ::       | nothing else    |

  @RMP-3.1-38 @given:RMP-3.1-05 @given:RMP-3.1-06 @given:RMP-3.1-02
  Scenario Outline: The AuthToken anywhere in the query
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?<sent> |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "hello"
    And the Composite API "orders" was called once, with the query "<seen>"

    Examples:
      | sent                                                 | seen                      |
      | AuthToken={token of hello}&P_mode=LIVE               | P_mode=LIVE               |
      | P_mode=TEST&a=1&AuthToken={token of hello}&b=2       | P_mode=TEST&a=1&b=2       |
      | b=2&a=1&a=0&AuthToken={token of hello}&P_mode=TEST   | b=2&a=1&a=0&P_mode=TEST   |
      | P_mode=TEST&AuthToken={token of hello}               | P_mode=TEST               |
      | AuthToken={token of hello}                           |                           |

  @RMP-3.1-46 @given:RMP-3.1-05 @given:RMP-3.1-06 @given:RMP-3.1-02
  Scenario Outline: Parameters with similar names
    Given the user "third" with the password "person"
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&<name>={token of third}&AuthToken={token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "hello"
    And the Composite API "orders" was called once, with the query "P_mode=TEST&<name>={token of third}"

    Examples:
      | name        |
      | authtoken   |
      | AUTHTOKEN   |
      | XAuthToken  |
      | AuthTokens  |
      | Auth-Token  |
      | Token       |
