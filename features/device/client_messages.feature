@device @client
Feature: The messages of a device that calls
  The message type should be CON. A Confirmable message is retransmitted until an Acknowledgement with
  its message id comes, by the schedule of RFC 7252 §4.2.

  Background:
    Given the user "hello" with the password "world"
    And a scripted gateway
    And the device under test is to GET "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?P_mode=TEST" as "hello"

  @RMP-3.1-50
  Scenario: The message type
    When the device under test is triggered
    Then the scripted gateway receives the errand in a confirmable message

  @RMP-3.1-51 @given:RMP-3.1-50
  Scenario: Nobody acknowledges the request
    Given the scripted gateway is silent
    When the device under test is triggered
    Then the scripted gateway receives the request again after 2 s to 3 s

  @RMP-3.1-52 @given:RMP-3.1-50 @given:RMP-3.1-51
  Scenario: The waits double
    Given the scripted gateway is silent
    When the device under test is triggered
    Then the scripted gateway receives the request 3 times, each wait twice as long as the one before

  @RMP-3.1-52 @full @given:RMP-3.1-50 @given:RMP-3.1-51
  Scenario: The whole schedule
    Given the scripted gateway is silent
    When the device under test is triggered
    Then the scripted gateway receives the request 5 times, each wait twice as long as the one before

  @RMP-3.1-53 @full @given:RMP-3.1-50
  Scenario: The last retransmission
    A device that nobody acknowledges gives up: what is left of MAX_TRANSMIT_WAIT brings nothing more.

    Given the scripted gateway is silent
    When the device under test is triggered
    Then the scripted gateway receives the request 5 times
    And the scripted gateway receives nothing more for 50 s

  @RMP-3.1-54 @given:RMP-3.1-50
  Scenario: An empty acknowledgement ends the retransmissions
    Given the scripted gateway acknowledges every request and never answers
    When the device under test is triggered
    Then the scripted gateway receives a request
    And the scripted gateway receives nothing more for 4 s

  @RMP-3.1-54 @given:RMP-3.1-50
  Scenario: A piggybacked response ends the retransmissions
    Given the scripted gateway answers every request with 2.05 Content and the payload "three"
    When the device under test is triggered
    Then the scripted gateway receives a request
    And the scripted gateway receives nothing more for 4 s

  @RMP-3.1-60 @given:RMP-3.1-50 @given:RMP-3.1-51
  Scenario: An acknowledgement of another message
    Given the scripted gateway acknowledges every request with another message id
    When the device under test is triggered
    Then the scripted gateway receives the request again after 2 s to 3 s

  @RMP-3.1-58 @given:RMP-3.1-50
  Scenario: A separate response
    Given the scripted gateway acknowledges every request at once and answers it after 300 ms with 2.05 Content and the payload "three"
    When the device under test is triggered
    Then the device under test acknowledges the separate response

  @RMP-3.1-59 @capability:says
  Scenario: The response in the acknowledgement is taken
    Given the scripted gateway answers every request with 2.05 Content and the payload "three"
    When the device under test is triggered
    Then the device under test says that it received 2.05 Content with the payload "three"

  @RMP-3.1-59 @capability:says @given:RMP-3.1-58
  Scenario: The separate response is taken
    Given the scripted gateway acknowledges every request at once and answers it after 300 ms with 2.05 Content and the payload "three"
    When the device under test is triggered
    Then the device under test says that it received 2.05 Content with the payload "three"
