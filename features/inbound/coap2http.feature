@inbound
Feature: A device calls a Composite API through the gateway
  A device sends a request to coap2http and names the Composite API in its Proxy-Uri option.
  The gateway makes the HTTP call and hands the answer back to the device.

  Background:
    Given the user "hello" with the password "world"
    And a Composite API "orders" that answers GET with 200 and
      """json
      {"open": 3}
      """

  @RMP-3-02 @smoke @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: Plain CoAP on the default port
    Given the gateway listens on the default ports
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once

  @RMP-3-01 @smoke @given:RMP-4.2-01 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: Secure CoAP on the default port
    Given the gateway listens on the default ports
    When the device opens a DTLS session with the pre-shared key of "hello"
    Then the DTLS session is open
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once

  @RMP-3-04 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A device that speaks IPv6
    Given the device speaks IPv6
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once

  @RMP-3-03
  Scenario Outline: A request that is for no proxy and for another path
    When the device sends a confirmable GET to "<path>"
    Then the device receives 4.04 Not Found
    And no request reached the platform

    Examples:
      | path              |
      | /coap2httpx       |
      | /coap2http/orders |
      | /COAP2HTTP        |

  @RMP-3.1-02
  Scenario: The answer of the Composite API is handed back to the device
    Given a Composite API "weather" that needs no credentials, and answers GET with 200 and
      """json
      {"rain": "none",
       "wind": "some"}
      """
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {weather}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content with the payload
      """
      {"rain": "none",
       "wind": "some"}
      """
    And the Composite API "weather" was called once

  @RMP-3.1-20 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The Proxy-Uri alone, without a path
    When the device sends a confirmable GET with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once

  @RMP-3.1-26 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A Composite API over https
    Given a Composite API "invoices" over https that answers GET with 200 and
      """text/plain
      none
      """
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {invoices}?P_mode=LIVE&AuthToken={token of hello} |
    Then the device receives 2.05 Content with the payload "none"
    And the Composite API "invoices" was called once

  @RMP-3.1-13 @given:RMP-3.1-02 @given:RMP-3.1-05 @given:RMP-3.1-06
  Scenario Outline: The query passes byte for byte
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?<sent> |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, with the query "<seen>"

    Examples:
      | sent                                                 | seen                             |
      | P_mode=TEST&AuthToken={token of hello}               | P_mode=TEST                      |
      | P_mode=LIVE&b=2&a=1&a=0&AuthToken={token of hello}   | P_mode=LIVE&b=2&a=1&a=0          |
      | P_mode=TEST&q=%7e%2F+%20&AuthToken={token of hello}  | P_mode=TEST&q=%7e%2F+%20         |
      | P_mode=TEST&&x&=&AuthToken={token of hello}          | P_mode=TEST&&x&=                 |
      | P_mode=TEST&u=a/b?c:d@e&AuthToken={token of hello}   | P_mode=TEST&u=a/b?c:d@e          |
      | P_mode=TEST&u=%C3%BC&p=%25%26&AuthToken={token of hello} | P_mode=TEST&u=%C3%BC&p=%25%26 |

  @RMP-3.1-39 @given:RMP-3.1-13 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: P_mode picks the environment of the Composite API
    Given a Composite API "orders" that answers GET with 200
    And the Composite API "orders" answers in the mode "<mode>" alone
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=<asked>&AuthToken={token of hello} |
    Then the device receives <code>
    And the Composite API "orders" was called once

    Examples:
      | mode       | asked      | code           |
      | TEST       | TEST       | 2.05 Content   |
      | ACCEPTANCE | ACCEPTANCE | 2.05 Content   |
      | LIVE       | LIVE       | 2.05 Content   |
      | LIVE       | TEST       | 4.04 Not Found |
      | TEST       | LIVE       | 4.04 Not Found |
      | TEST       | ACCEPTANCE | 4.04 Not Found |
