@device @server
Feature: The requests that a device answers
  A connector sends GET, PUT, POST and DELETE with a path, a body and a content type. What the document
  leaves to the CoAP specification is RFC 7252's.

  @RMP-2.2.1-20
  Scenario Outline: The methods
    A device need not allow every method for every resource, but it answers.

    When the scripted gateway sends a confirmable <method> to "{readable}"
    Then the device under test answers

    Examples:
      | method |
      | GET    |
      | PUT    |
      | POST   |
      | DELETE |

  @RMP-2.2.1-21
  Scenario: A method that nobody knows
    When the scripted gateway sends a confirmable 0.31 to "{readable}"
    Then the device under test answers 4.05 Method Not Allowed

  @RMP-2.2.1-22 @given:RMP-2.2.1-20
  Scenario Outline: The token of the request
    When the scripted gateway sends a confirmable GET to "{readable}" with the options
      | Token | <token> |
    Then the device under test answers 2.05 Content

    Examples:
      | token                   |
      |                         |
      | 00                      |
      | 01 02 03 04             |
      | ff ff ff ff ff ff ff ff |

  @RMP-2.2.1-23
  Scenario: A path that the device does not have
    When the scripted gateway sends a confirmable GET to "/coapstone/nowhere"
    Then the device under test answers 4.04 Not Found

  @RMP-2.2.1-24 @given:RMP-2.2.1-20
  Scenario Outline: What a connector stores
    When the scripted gateway sends a confirmable PUT to "{stored}" with the options
      | Content-Format | <format>  |
      | Payload        | <payload> |
    And the device under test answers
    And the scripted gateway sends a confirmable GET to "{stored}"
    Then the device under test answers 2.05 Content with the payload "<payload>"
    And its answer has no Content-Format but <format>

    Examples:
      | format | payload |
      | 0      | 21.5 °C |
      | 50     | [21.5]  |

  @RMP-2.2.2-35
  Scenario: A device that is no proxy
    Of a connector with proxi-URI, a device that is no proxy must not take the path for its own.

    When the scripted gateway sends a confirmable GET to "{readable}" with the options
      | Proxy-Uri | coap://another.example.org/temperature |
    Then the device under test answers 5.05 Proxying Not Supported

  @RMP-2.2.2-36
  Scenario: A critical option that nobody knows
    When the scripted gateway sends a confirmable GET to "{readable}" with the options
      | Option 65001 | 01 |
    Then the device under test answers 4.02 Bad Option
