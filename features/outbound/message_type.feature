@outbound
Feature: The connector's message-type
  Possible values are CON, NON, ACK and RST.

  Background:
    Given a device "sensor"
    And a provider "greenhouse" for the device "sensor"
    And the device "sensor" answers GET "/x" with 2.05 Content

  @RMP-2.2.2-01 @given:RMP-2.2.1-01
  Scenario: No message-type means Confirmable
    Given a connector "x" of the provider "greenhouse"
      | method | GET |
      | url    | /x  |
    When the connector "x" is called
    Then the device "sensor" received a confirmable GET to "/x"

  @RMP-2.2.2-02 @given:RMP-2.2.1-01
  Scenario Outline: Types that can carry a request
    Given a connector "x" of the provider "greenhouse"
      | method       | GET    |
      | url          | /x     |
      | message-type | <type> |
    When the connector "x" is called
    Then the caller gets 200
    And the device "sensor" received a <type> GET to "/x"

    Examples:
      | type |
      | CON  |
      | NON  |

  @RMP-2.2.2-03 @given:RMP-2.2.1-01
  Scenario Outline: Types that the RFC gives no request
    Given a connector "x" of the provider "greenhouse"
      | method       | GET    |
      | url          | /x     |
      | message-type | <type> |
    When the connector "x" is called
    Then the caller gets 202 and the device "sensor" received a <type> GET to "/x", or the gateway refuses the type

    Examples:
      | type |
      | ACK  |
      | RST  |

  @RMP-2.2.2-04
  Scenario Outline: Any other message-type
    Given a connector "x" of the provider "greenhouse" that may be refused
      | method       | GET    |
      | url          | /x     |
      | message-type | <type> |
    When the connector "x" is called
    Then the gateway refuses, and names "CON", "NON", "ACK" and "RST"
    And the device "sensor" received no request

    Examples:
      | type        |
      | CONFIRMABLE |
      | 0           |
      | RESET       |

  @RMP-2.2.2-23
  Scenario Outline: The name and the value in other letters
    Given a connector "x" of the provider "greenhouse" that may be refused
      | method | GET     |
      | url    | /x      |
      | <name> | <value> |
    When the connector "x" is called
    Then the device "sensor" received a NON GET to "/x", or the gateway refuses and names "<named>"

    Examples:
      | name         | value | named        |
      | message-type | non   | non          |
      | Message-Type | NON   | Message-Type |
      | MESSAGE-TYPE | NON   | MESSAGE-TYPE |

  @RMP-2.2.2-14 @given:RMP-2.2.2-02 @given:RMP-2.2.2-08
  Scenario: A NON request without an answer is not sent again
    RFC 7252 §4.3 lets a sender send copies, but §4.7 bounds what goes to a device that is silent to 1 byte a second:
    none of this request in its time.

    Given the device "sensor" is silent
    And a connector "x" of the provider "greenhouse"
      | method       | GET                                                   |
      | url          | /a/path/that/is/long/enough/to/rule/out/a/second/copy |
      | message-type | NON                                                   |
      | timeout      | 7000                                                  |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error
    And the device "sensor" received the message once

  @RMP-2.2.2-27 @given:RMP-2.2.2-03
  Scenario Outline: A message of a type that is not acknowledged is sent once
    Given a connector "x" of the provider "greenhouse" that may be refused
      | method       | GET    |
      | url          | /x     |
      | message-type | <type> |
    When the connector "x" is called
    Then the caller gets 202 and the device "sensor" received a <type> GET to "/x", or the gateway refuses the type
    And the device "sensor" receives nothing more for 3.2 s

    Examples:
      | type |
      | ACK  |
      | RST  |
