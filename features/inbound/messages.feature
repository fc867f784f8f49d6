@inbound
Feature: Message types, acknowledgements and repetitions
  The message type should be CON. A Confirmable message is retransmitted until the recipient sends an
  Acknowledgement with the same message id.

  Background:
    Given the user "hello" with the password "world"
    And a Composite API "orders" that answers GET with 200 and
      """text/plain
      three
      """

  @RMP-3.1-01 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A Confirmable request is acknowledged
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives an acknowledgement with the message id of its request
    And the device receives 2.05 Content

  @RMP-3.1-14 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A Non-confirmable request is served
    When the device sends a non-confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content with the payload "three"
    And the Composite API "orders" was called once

  @RMP-3.1-15 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A slow platform
    The device must not have to repeat its request: ACK_TIMEOUT is 2 seconds, and what is not
    acknowledged by then is sent again.

    Given the Composite API "orders" waits 3 s before it answers
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives an empty acknowledgement within 2 s
    And the device receives 2.05 Content with the payload "three"
    And the response came in a message of its own

  @RMP-3.1-43 @full @given:RMP-3.1-15 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A separate response that is not acknowledged
    ACK_TIMEOUT is 2 seconds, ACK_RANDOM_FACTOR 1.5 and MAX_RETRANSMIT 4 (RFC 7252 §4.8).

    Given the Composite API "orders" waits 2.5 s before it answers
    And the device acknowledges nothing by itself
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    And the device receives 2.05 Content in a confirmable message of its own
    Then the device receives the same message 4 times again, 2 s to 3 s later, then each time after twice as long, and no more

  @RMP-3.1-43 @given:RMP-3.1-15 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The first time that a separate response is sent again
    Given the Composite API "orders" waits 2.5 s before it answers
    And the device acknowledges nothing by itself
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    And the device receives 2.05 Content in a confirmable message of its own
    Then the device receives the same message again 2 s to 3 s later

  @RMP-3.1-44 @given:RMP-3.1-15 @given:RMP-3.1-02 @given:RMP-3.1-05 @given:RFC7252-4.2-01
  Scenario Outline: A separate response that has arrived
    A copy would come after 2 to 3 seconds.

    Given the Composite API "orders" waits 2.5 s before it answers
    And the device acknowledges nothing by itself
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    And the device receives 2.05 Content in a confirmable message of its own
    And the device <answers>
    Then the device receives nothing for 3.5 s

    Examples:
      | answers                                     |
      | acknowledges the separate response          |
      | rejects the separate response with a Reset  |

  @RMP-3.1-19 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A repeated request
    Given a Composite API "readings" that answers POST with 201
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {readings}?P_mode=TEST&AuthToken={token of hello} |
    And the device receives 2.01 Created
    And the device sends the same message again
    Then the device receives the same answer again
    And the Composite API "readings" was called once

  @RMP-3.1-19 @given:RMP-3.1-10 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A request that is repeated while the platform is at work
    Given a Composite API "readings" that answers POST with 200
    And the Composite API "readings" waits 1 s before it answers
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {readings}?P_mode=TEST&AuthToken={token of hello} |
    And the device sends the same message again
    Then the device receives 2.04 Changed
    And the Composite API "readings" was called once

  @RMP-3.1-27 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: The token of the request
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
      | Token     | <token>                                         |
    Then the device receives 2.05 Content
    And the response has the token "<token>"

    Examples:
      | token                   |
      |                         |
      | 00                      |
      | 01 02 03 04             |
      | ff ff ff ff ff ff ff ff |
