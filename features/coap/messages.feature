@coap
Feature: The gateway keeps the rules of the message layer
  What RFC 7252 asks of every endpoint, whatever it is used for.

  @RFC7252-4.2-01 @smoke
  Scenario: A ping is answered with a Reset
    When the device sends an Empty confirmable message
    Then the device receives a Reset with the message id of its message

  @RFC7252-4.2-02
  Scenario Outline: A Confirmable message with a format error
    When the device sends the bytes "<bytes>"
    Then the device receives a Reset with the message id of its message

    Examples:
      | bytes                            | fault                                |
      | 49 01 10 07 aa aa aa aa aa aa aa aa aa | token length 9                 |
      | 48 01 10 0a aa aa aa             | a token cut short                    |
      | 41 00 10 0c aa                   | an Empty message with a token        |
      | 40 00 10 0e ff 61                | an Empty message with a payload      |
      | 40 01 10 1c f1 00                | option delta 15                      |
      | 40 01 10 1d bf 61                | option length 15                     |
      | 40 01 10 21 b5 61 62             | an option value cut short            |
      | 40 02 10 23 ff                   | a payload marker without a payload   |

  @RFC7252-4.3-01 @given:RFC7252-4.2-01
  Scenario Outline: A Non-confirmable message with a format error
    When the device sends the bytes "<bytes>"
    Then the device receives nothing but perhaps a Reset for 500 ms

    Examples:
      | bytes                            | fault                                |
      | 59 01 10 09 aa aa aa aa aa aa aa aa aa | token length 9                 |
      | 50 02 10 24 ff                   | a payload marker without a payload   |

  @RFC7252-3-01 @given:RFC7252-4.2-01
  Scenario Outline: Another version of CoAP
    When the device sends the bytes "<bytes>"
    Then the device receives nothing for 500 ms

    Examples:
      | bytes       |
      | 00 01 10 04 |
      | 80 01 10 05 |
      | c0 01 10 06 |

  @RFC7252-4.2-03 @given:RFC7252-4.2-01
  Scenario Outline: A request in a message that cannot carry one
    When the device sends the bytes "<bytes>"
    Then the device receives nothing for 500 ms

    Examples:
      | bytes       | message                |
      | 60 01 10 10 | an Acknowledgement GET |
      | 70 01 10 11 | a Reset GET            |

  @RFC7252-4.2-04
  Scenario Outline: A code of a reserved class
    When the device sends the bytes "<bytes>"
    Then the device receives a Reset with the message id of its message

    Examples:
      | bytes       | code |
      | 40 20 10 16 | 1.00 |
      | 40 c0 10 17 | 6.00 |
      | 40 e1 10 18 | 7.01 |

  @RFC7252-5.3.2-01
  Scenario: A response that nobody asked for
    When the device sends the bytes "41 45 10 14 aa"
    Then the device receives a Reset with the message id of its message

  @RFC7252-5.2.3-01
  Scenario: A Non-confirmable request gets a Non-confirmable response
    When the device sends a non-confirmable GET to "/no/such/resource"
    Then the device receives 4.04 Not Found
    And the response came in a non-confirmable message

  @RFC7252-5.3.1-01
  Scenario Outline: The token comes back
    When the device sends a confirmable GET to "/no/such/resource" with the options
      | Token | <token> |
    Then the device receives 4.04 Not Found
    And the response has the token "<token>"

    Examples:
      | token                   |
      |                         |
      | 7f                      |
      | 00 00 00 00             |
      | 01 02 03 04 05 06 07 08 |

  @RFC7252-5.4.1-01
  Scenario Outline: A critical option that is not recognized
    When the device sends a confirmable GET to "/no/such/resource" with the options
      | <option> | <value> |
    Then the device receives 4.02 Bad Option

    Examples:
      | option | value |
      | 9      |       |
      | 65001  | 01    |

  @RFC7252-5.4.1-02
  Scenario: An elective option that is not recognized
    When the device sends a confirmable GET to "/no/such/resource" with the options
      | 65000 | 01 |
    Then the device receives 4.04 Not Found

  @RFC7252-5.4.3-01
  Scenario Outline: A critical option of a length that is not allowed
    When the device sends the bytes "<bytes>"
    Then the device receives 4.02 Bad Option

    Examples:
      | bytes                   | option                 |
      | 40 01 10 2b 30          | Uri-Host of no byte    |
      | 40 01 10 2c 73 01 02 03 | Uri-Port of 3 bytes    |
      | 40 01 10 2d d3 04 01 02 03 | Accept of 3 bytes   |
      | 40 01 10 35 d0 16       | Proxy-Uri of no byte   |

  @RFC7252-5.4.5-01
  Scenario Outline: A critical option that is given twice
    When the device sends the bytes "<bytes>"
    Then the device receives 4.02 Bad Option

    Examples:
      | bytes                         | option   |
      | 40 01 10 29 31 61 01 62       | Uri-Host |
      | 40 01 10 2a d1 04 32 01 3c    | Accept   |
