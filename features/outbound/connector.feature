@outbound
Feature: A connector is essentially the CoAP message
  The connector has a URL part, a method, media types, a body and variables in all of them.

  Background:
    Given a device "sensor"
    And a provider "greenhouse" for the device "sensor"

  @RMP-2.2.1-01 @given:RMP-2.1-01
  Scenario Outline: The method
    Given the device "sensor" answers <method> "/window" with <code>
    And a connector "window" of the provider "greenhouse"
      | method | <method> |
      | url    | /window  |
    When the connector "window" is called
    Then the device "sensor" received a <method> to "/window"

    Examples:
      | method | code         |
      | GET    | 2.05 Content |
      | POST   | 2.04 Changed |
      | PUT    | 2.04 Changed |
      | DELETE | 2.02 Deleted |

  @RMP-2.2.1-02 @given:RMP-2.1-01
  Scenario Outline: The URL part
    Given the device "sensor" answers every request with 2.05 Content
    And a connector "read" of the provider "greenhouse"
      | method | GET   |
      | url    | <url> |
    When the connector "read" is called
    Then the device "sensor" received a request with the options
      | <options> |

    Examples:
      | url                     | options                                                                |
      | /temperature            | Uri-Path: temperature                                                  |
      | /3/0/1                  | Uri-Path: 3, Uri-Path: 0, Uri-Path: 1                                  |
      | /a?x=1&y=2              | Uri-Path: a, Uri-Query: x=1, Uri-Query: y=2                            |
      | /with%20space/and%2Fbar | Uri-Path: with space, Uri-Path: and/bar                                |
      | /t?unit=%C2%B0C         | Uri-Path: t, Uri-Query: unit=°C                                        |

  @RMP-2.2.1-13 @given:RMP-2.2.1-02
  Scenario Outline: Provider's URL and URL part, with one slash between them
    Given the device "sensor" answers every request with 2.05 Content
    And a provider "greenhouse" with the environments
      | LIVE | {sensor}<provider> |
    And a connector "read" of the provider "greenhouse"
      | method | GET         |
      | url    | <connector> |
    When the connector "read" is called
    Then the device "sensor" received a request with the options
      | <options> |

    Examples:
      | provider | connector | options                        |
      |          | x         | Uri-Path: x                    |
      |          | /x        | Uri-Path: x                    |
      | /        | x         | Uri-Path: x                    |
      | /        | /x        | Uri-Path: x                    |
      | /base    | x         | Uri-Path: base, Uri-Path: x    |
      | /base    | /x        | Uri-Path: base, Uri-Path: x    |
      | /base/   | x         | Uri-Path: base, Uri-Path: x    |
      | /base/   | /x        | Uri-Path: base, Uri-Path: x    |
      | /base    | ?q=1      | Uri-Path: base, Uri-Query: q=1 |
      | /base    |           | Uri-Path: base                 |

  @RMP-2.2.1-12
  Scenario Outline: A method that connectors do not have
    Given the device "sensor" answers every request with 2.05 Content
    And a connector "window" of the provider "greenhouse" that may be refused
      | method | <method> |
      | url    | /window  |
    When the connector "window" is called
    Then the gateway refuses, and names "GET", "POST", "PUT" and "DELETE"
    And the device "sensor" received no request

    Examples:
      | method  |
      | PATCH   |
      | FETCH   |
      | HEAD    |
      | CONNECT |
      | 0.05    |

  @RMP-2.2.1-12
  Scenario: A variable that brings a method that connectors do not have
    Given the device "sensor" answers every request with 2.05 Content
    And a connector "window" of the provider "greenhouse"
      | method | ${verb} |
      | url    | /window |
    When the connector "window" is called with the variables
      | verb | PATCH |
    Then the gateway refuses, and names "GET", "POST", "PUT" and "DELETE"
    And the device "sensor" received no request

  @RMP-2.2.1-03 @given:RMP-2.1-01
  Scenario Outline: The body and its media type
    Given the device "sensor" answers PUT "/window" with 2.04 Changed
    And a connector "window" of the provider "greenhouse"
      | method  | PUT          |
      | url     | /window      |
      | content | <media type> |
      | body    | <body>       |
    When the connector "window" is called
    Then the device "sensor" received a request with the options
      | Uri-Path: window, Content-Format: <format> |
    And the device "sensor" received a request with the payload '<body>'

    Examples:
      | media type                | format | body          |
      | application/json          | 50     | {"open": 0.5} |
      | text/plain; charset=utf-8 | 0      | half °        |
      | text/plain                | 0      | half °        |
      | application/octet-stream  | 42     | raw           |

  @RMP-2.2.1-04 @given:RMP-2.1-01
  Scenario: The media type that it accepts
    Given the device "sensor" answers GET "/temperature" with 2.05 Content
    And a connector "temperature" of the provider "greenhouse"
      | method | GET              |
      | url    | /temperature     |
      | accept | application/json |
    When the connector "temperature" is called
    Then the device "sensor" received a request with the options
      | Uri-Path: temperature, Accept: 50 |

  @RMP-2.2.1-05 @given:RMP-2.2.1-01 @given:RMP-2.2.1-03 @given:RMP-2.2.2-02
  Scenario: Variables
    Given the device "sensor" answers every request with 2.04 Changed
    And a connector "window" of the provider "greenhouse"
      | method       | PUT             |
      | url          | /window/${side} |
      | body         | open=${share}   |
      | message-type | ${type}         |
    When the connector "window" is called with the variables
      | side  | north |
      | share | 0.5   |
      | type  | NON   |
    Then the device "sensor" received a non-confirmable PUT to "/window/north"
    And the device "sensor" received a request with the payload 'open=0.5'

  @RMP-2.2.1-15 @given:RMP-2.2.1-01 @given:RMP-2.2.1-03 @given:RMP-2.2.1-04
  Scenario: Variables in the method and the media types
    Given the device "sensor" answers every request with 2.04 Changed
    And a connector "window" of the provider "greenhouse"
      | method  | ${verb}          |
      | url     | /window          |
      | accept  | application/${a} |
      | content | application/${c} |
      | body    | {}               |
    When the connector "window" is called with the variables
      | verb | PUT  |
      | a    | cbor |
      | c    | json |
    Then the device "sensor" received a PUT to "/window"
    And the device "sensor" received a request with the options
      | Uri-Path: window, Content-Format: 50, Accept: 60 |

  @RMP-2.2.1-16 @given:RMP-2.2.1-02 @given:RMP-2.2.1-05
  Scenario Outline: The value of a variable is data
    A value is not read as a piece of a URL: it stays within the segment or the argument where the variable stands.

    Given the device "sensor" answers every request with 2.05 Content
    And a connector "read" of the provider "greenhouse"
      | method | GET   |
      | url    | <url> |
    When the connector "read" is called with the variables
      | v | <value> |
    Then the device "sensor" received a request with the options
      | <options> |

    Examples:
      | url        | value   | options                             |
      | /of/${v}   | a/b     | Uri-Path: of, Uri-Path: a/b         |
      | /of/${v}   | a b     | Uri-Path: of, Uri-Path: a b         |
      | /of/${v}   | x?y#z   | Uri-Path: of, Uri-Path: x?y#z       |
      | /of/${v}   | 50%     | Uri-Path: of, Uri-Path: 50%         |
      | /of/${v}   | %41     | Uri-Path: of, Uri-Path: %41         |
      | /of/${v}   | Straße  | Uri-Path: of, Uri-Path: Straße      |
      | /of?v=${v} | a&b=c   | Uri-Path: of, Uri-Query: v=a&b=c    |
      | /of?v=${v} | 1+1     | Uri-Path: of, Uri-Query: v=1+1      |

  @RMP-2.2.1-11
  Scenario: A variable that nobody gives
    Given the device "sensor" answers every request with 2.05 Content
    And a connector "read" of the provider "greenhouse"
      | method | GET         |
      | url    | /${missing} |
    When the connector "read" is called
    Then the gateway refuses, and names "missing"
    And the device "sensor" received no request

  @RMP-2.2.1-06 @given:RMP-2.1-01
  Scenario: A dynamic endpoint
    Given a device "visitor"
    And the device "visitor" answers GET "/hello" with 2.05 Content and the payload "hi"
    And a connector "anyone" of the provider "greenhouse"
      | method           | GET         |
      | dynamic endpoint | ${endpoint} |
    When the connector "anyone" is called with the variables
      | endpoint | {visitor}/hello |
    Then the caller gets 200 with the body "hi"
    And the device "sensor" received no request

  @RMP-2.2.1-14 @given:RMP-2.2.1-03
  Scenario Outline: A body of a media type that has no Content-Format
    A gateway may say so, or send the body as application/octet-stream, the next more general media type (RFC 8075 §6.3),
    or without a Content-Format.

    Given the device "sensor" answers every request with 2.04 Changed
    And a connector "window" of the provider "greenhouse" that may be refused
      | method  | PUT          |
      | url     | /window      |
      | content | <media type> |
      | body    | open         |
    When the connector "window" is called
    Then the device "sensor" received a request with the options of one of the rows, or the gateway refuses and names "<media type>"
      | Uri-Path: window, Content-Format: 42 |
      | Uri-Path: window                     |

    Examples:
      | media type            |
      | image/x-none          |
      | application/x-nothing |

  @RMP-2.2.1-17 @given:RMP-2.2.1-04
  Scenario: An accepted media type that has no Content-Format
    Given the device "sensor" answers every request with 2.05 Content
    And a connector "read" of the provider "greenhouse" that may be refused
      | method | GET          |
      | url    | /picture     |
      | accept | image/x-none |
    When the connector "read" is called
    Then the device "sensor" received a request with the options of one of the rows, or the gateway refuses and names "image/x-none"
      | Uri-Path: picture |

  @RMP-2.2.1-18 @given:RMP-2.2.1-03
  Scenario: A body in another character set than UTF-8
    Given the device "sensor" answers every request with 2.04 Changed
    And a connector "window" of the provider "greenhouse" that may be refused
      | method  | PUT                            |
      | url     | /window                        |
      | content | text/plain; charset=iso-8859-1 |
      | body    | größe                          |
    When the connector "window" is called
    Then the device "sensor" received "größe" as UTF-8, or not as the Content-Format 0, or the gateway refuses and names "iso-8859-1"

  @RMP-2.2.1-19 @given:RMP-2.2.1-03
  Scenario Outline: A body that is longer than one message
    Given the device "sensor" takes bodies block by block and answers with 2.04 Changed
    And a connector "program" of the provider "greenhouse"
      | method        | PUT        |
      | url           | /program   |
      | content       | text/plain |
      | bytes of body | <length>   |
    When the connector "program" is called
    Then the caller gets 204
    And the device "sensor" received a body of <length> bytes

    Examples:
      | length |
      | 1025   |
      | 3000   |

  @RMP-2.2.1-19 @given:RMP-2.2.1-08
  Scenario: An answer that is longer than one message
    Given the device "sensor" answers every request block by block with 3000 bytes
    And a connector "log" of the provider "greenhouse"
      | method | GET  |
      | url    | /log |
    When the connector "log" is called
    Then the caller gets 200 with a body of 3000 bytes
