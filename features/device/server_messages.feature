@device @server
Feature: The messages of a device that is called
  A connector sends its request as the message type says. A Confirmable message is acknowledged with its
  message id, and retransmitted until then.

  @RMP-2.2.2-30
  Scenario: A Confirmable request is acknowledged
    When the scripted gateway sends a confirmable GET to "{readable}"
    Then the device under test acknowledges the request with its message id

  @RMP-2.2.2-31
  Scenario: A Non-confirmable request is served
    When the scripted gateway sends a non-confirmable GET to "{readable}"
    Then the device under test answers 2.05 Content

  @RMP-2.2.2-32 @given:RMP-2.2.2-31
  Scenario: The answer to a Non-confirmable request
    When the scripted gateway sends a non-confirmable GET to "{readable}"
    Then the device under test answers 2.05 Content
    And its answer came in a non-confirmable message

  @RMP-2.2.2-33 @given:RMP-2.2.2-30
  Scenario: A request whose answer was lost
    The resource is gone before, so that a POST makes it, and the same POST done twice would only change it.

    When the scripted gateway sends a confirmable DELETE to "{stored}"
    And the device under test answers
    And the scripted gateway sends a confirmable POST to "{stored}" with the options
      | Payload | first |
    And the device under test answers
    And the scripted gateway sends the same message again
    Then the device under test answers the same again

  @RMP-2.2.2-34
  Scenario Outline: An Acknowledgement or a Reset with a request in it
    The document lets connectors send them; nobody may answer them.

    When the scripted gateway sends a <type> GET to "{readable}", and acknowledges nothing
    Then the device under test sends nothing for 500 ms

    Examples:
      | type |
      | ACK  |
      | RST  |

  @RMP-2.2.2-37
  Scenario: A ping
    When the scripted gateway sends an Empty confirmable message
    Then the device under test rejects it with a Reset of its message id

  @RMP-2.2.2-38 @given:RMP-2.2.2-30
  Scenario: A resource that takes its time
    When the scripted gateway sends a confirmable GET to "{slow}"
    Then the device under test answers 2.05 Content
    And the device under test acknowledges the request with its message id

  @RMP-2.2.2-39 @given:RMP-2.2.2-38
  Scenario: A separate response that is not acknowledged
    When the scripted gateway sends a confirmable GET to "{slow}", and acknowledges nothing
    Then the device under test sends its separate response again after 2 s to 3 s
