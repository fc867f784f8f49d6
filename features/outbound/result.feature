@outbound
Feature: What the caller of a connector gets
  The device's code becomes an HTTP status, and stands in the header CoAP-Code; the gateway's own errors
  are problem details without that header.

  Background:
    Given a device "sensor"
    And a provider "greenhouse" for the device "sensor"

  @RMP-2.2.1-07 @given:RMP-2.2.1-01
  Scenario Outline: The status
    Given the device "sensor" answers <method> "/x" with <code>
    And a connector "x" of the provider "greenhouse"
      | method | <method> |
      | url    | /x       |
    When the connector "x" is called
    Then the caller gets <status>
    And the caller gets the header "CoAP-Code" "<dotted>"

    Examples:
      | method | code                            | status | dotted |
      | GET    | 2.05 Content                    | 200    | 2.05   |
      | POST   | 2.01 Created                    | 201    | 2.01   |
      | PUT    | 2.04 Changed                    | 204    | 2.04   |
      | DELETE | 2.02 Deleted                    | 204    | 2.02   |
      | GET    | 4.00 Bad Request                | 400    | 4.00   |
      | GET    | 4.01 Unauthorized               | 403    | 4.01   |
      | GET    | 4.02 Bad Option                 | 400 or 500 | 4.02 |
      | GET    | 4.03 Forbidden                  | 403    | 4.03   |
      | GET    | 4.04 Not Found                  | 404    | 4.04   |
      | GET    | 4.05 Method Not Allowed         | 400 or 405 | 4.05 |
      | GET    | 4.06 Not Acceptable             | 406    | 4.06   |
      | PUT    | 4.12 Precondition Failed        | 412    | 4.12   |
      | PUT    | 4.13 Request Entity Too Large   | 413    | 4.13   |
      | PUT    | 4.15 Unsupported Content-Format | 415    | 4.15   |
      | GET    | 5.00 Internal Server Error      | 500    | 5.00   |
      | GET    | 5.01 Not Implemented            | 501    | 5.01   |
      | GET    | 5.02 Bad Gateway                | 502    | 5.02   |
      | GET    | 5.03 Service Unavailable        | 503    | 5.03   |
      | GET    | 5.04 Gateway Timeout            | 504    | 5.04   |
      | GET    | 5.05 Proxying Not Supported     | 502    | 5.05   |

  @RMP-2.2.1-08 @given:RMP-2.2.1-01
  Scenario Outline: The body and its content type
    d21.5 is CBOR (RFC 8949) for the text 21.5.

    Given the device "sensor" answers GET "/x" with 2.05 Content, the Content-Format <format> and the payload "<payload>"
    And a connector "x" of the provider "greenhouse"
      | method | GET |
      | url    | /x  |
    When the connector "x" is called
    Then the caller gets 200 with the body "<payload>"
    And the caller gets the header "Content-Type" "<content type>"

    Examples:
      | format | payload | content type             |
      | 0      | 21.5 °C | text/plain;charset=utf-8 |
      | 40     | </a>    | application/link-format  |
      | 42     | raw     | application/octet-stream |
      | 50     | [21.5]  | application/json         |
      | 60     | d21.5   | application/cbor         |

  @RMP-2.2.1-09 @given:RMP-2.1-01
  Scenario: The gateway's own error
    Given the device "sensor" resets every message
    And a connector "x" of the provider "greenhouse"
      | method | GET |
      | url    | /x  |
    When the connector "x" is called
    Then the caller gets 502 as the gateway's own error

  @RMP-2.2.1-10 @given:RMP-2.2.1-01
  Scenario: A separate response
    Given the device "sensor" acknowledges GET "/slow" at once and answers it after 300 ms with 2.05 Content and the payload "done"
    And a connector "slow" of the provider "greenhouse"
      | method | GET   |
      | url    | /slow |
    When the connector "slow" is called
    Then the caller gets 200 with the body "done"
    And the gateway acknowledged the separate response of the device "sensor"
