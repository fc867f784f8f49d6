@outbound
Feature: The connector's timeout
  A custom timeout is given in milliseconds. The default and maximum value is 30 000.

  Background:
    Given a device "sensor"
    And a provider "greenhouse" for the device "sensor"

  @RMP-2.2.2-08
  Scenario Outline: A device that does not answer
    Given the device "sensor" is silent
    And a connector "x" of the provider "greenhouse"
      | method  | GET          |
      | url     | /x           |
      | timeout | <timeout>    |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error after <timeout> ms to <latest> ms

    Examples:
      | timeout | latest |
      | 400     | 900    |
      | 2500    | 3000   |

  @RMP-2.2.2-08
  Scenario: A device that acknowledges and does not answer
    Given the device "sensor" acknowledges every request and never answers
    And a connector "x" of the provider "greenhouse"
      | method  | GET |
      | url     | /x  |
      | timeout | 800 |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error after 800 ms to 1300 ms

  @RMP-2.2.2-08
  Scenario: A Non-confirmable request without an answer
    Given the device "sensor" is silent
    And a connector "x" of the provider "greenhouse"
      | method       | GET |
      | url          | /x  |
      | message-type | NON |
      | timeout      | 600 |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error after 600 ms to 1100 ms

  @RMP-2.2.2-20 @given:RMP-2.2.2-08
  Scenario: The shortest timeout
    Given the device "sensor" is silent
    And a connector "x" of the provider "greenhouse"
      | method  | GET |
      | url     | /x  |
      | timeout | 1   |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error after 1 ms to 501 ms

  @RMP-2.2.2-21 @given:RMP-2.1.2-02 @given:RMP-2.2.2-08 @dtls
  Scenario: A timeout shorter than the DTLS handshake
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" is reached through a link that takes 100 ms for each datagram
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 300   |
    When the connector "open" is called
    Then the caller gets 504 as the gateway's own error after 300 ms to 800 ms
    And the device "lock" receives nothing more for 2.5 s
    And the device "lock" received no request

  @RMP-2.2.2-17 @given:RMP-2.2.2-08 @given:RMP-2.2.1-19
  Scenario: A timeout shorter than a block-wise transfer
    Given the device "sensor" answers block by block without end, and takes 200 ms for each block
    And a connector "x" of the provider "greenhouse"
      | method  | GET  |
      | url     | /x   |
      | timeout | 1500 |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error after 1500 ms to 2000 ms

  @RMP-2.2.2-16 @given:RMP-2.2.2-08
  Scenario: Nothing more is sent when the time is up
    Given the device "sensor" is silent
    And a connector "x" of the provider "greenhouse"
      | method  | GET  |
      | url     | /x   |
      | timeout | 1000 |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error
    And the device "sensor" receives nothing more for 2.5 s

  @RMP-2.2.2-09 @full
  Scenario: The default
    Given the device "sensor" acknowledges every request and never answers
    And a connector "x" of the provider "greenhouse"
      | method | GET |
      | url    | /x  |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error after 30000 ms to 30500 ms

  @RMP-2.2.2-10 @full
  Scenario Outline: Above the maximum
    Given the device "sensor" acknowledges every request and never answers
    And a connector "x" of the provider "greenhouse"
      | method  | GET       |
      | url     | /x        |
      | timeout | <timeout> |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error after 30000 ms to 30500 ms

    Examples:
      | timeout              |
      | 30001                |
      | 45000                |
      | 99999999999999999999 |

  @RMP-2.2.2-11
  Scenario Outline: What is no timeout
    Given a connector "x" of the provider "greenhouse" that may be refused
      | method  | GET       |
      | url     | /x        |
      | timeout | <timeout> |
    When the connector "x" is called
    Then the gateway refuses, and names "30000"
    And the device "sensor" received no request

    Examples:
      | timeout |
      | 0       |
      | -1      |
      | 1.5     |
      | 30.000  |
      | 30,000  |
      | 1e3     |
      | soon    |
      | 5s      |

  @RMP-2.2.2-19
  Scenario: A parameter that nobody knows
    Given the device "sensor" answers GET "/x" with 2.05 Content
    And a connector "x" of the provider "greenhouse" that may be refused
      | method   | GET |
      | url      | /x  |
      | time-out | 700 |
    When the connector "x" is called
    Then the gateway refuses, and names "time-out"
    And the device "sensor" received no request

  @RMP-2.2.2-23 @given:RMP-2.2.2-08
  Scenario: The name in other letters
    Given the device "sensor" is silent
    And a connector "x" of the provider "greenhouse" that may be refused
      | method  | GET |
      | url     | /x  |
      | Timeout | 700 |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error after 700 ms to 1200 ms, or the gateway refuses and names "Timeout"

  @RMP-2.2.2-13 @given:RMP-2.2.2-01
  Scenario: A request that is not acknowledged
    Given the device "sensor" ignores the first request and answers the next with 2.05 Content
    And a connector "x" of the provider "greenhouse"
      | method | GET |
      | url    | /x  |
    When the connector "x" is called
    Then the caller gets 200
    And the device "sensor" received the same message twice, 2 s to 3 s apart

  @RMP-2.2.2-15 @given:RMP-2.2.2-13 @full
  Scenario: A request that is never acknowledged
    The fourth retransmission is due after 30 to 45 seconds, when the call has ended.

    Given the device "sensor" is silent
    And a connector "x" of the provider "greenhouse"
      | method  | GET   |
      | url     | /x    |
      | timeout | 29900 |
    When the connector "x" is called
    Then the caller gets 504 as the gateway's own error
    And the device "sensor" received the same message 4 times: 2 s to 3 s apart, and then twice as long each time

  @RMP-2.2.2-24 @given:RMP-2.2.2-01 @given:RMP-2.2.1-10
  Scenario: A request that is acknowledged is not sent again
    Given the device "sensor" acknowledges GET "/x" at once and answers it after 3500 ms with 2.05 Content and the payload "done"
    And a connector "x" of the provider "greenhouse"
      | method | GET |
      | url    | /x  |
    When the connector "x" is called
    Then the caller gets 200 with the body "done"
    And the device "sensor" received no copy of the request
