@device @client
Feature: The Proxy-Uri of a device that calls
  A device names the Composite API in the option Proxy-Uri, and adds its AuthToken there: the Base64
  form of user name, colon and password.

  Background:
    Given the user "hello" with the password "world"
    And a scripted gateway

  @RMP-3.1-55
  Scenario Outline: The Composite API is named
    Given the device under test is to <method> "<url>" as "hello"
    When the device under test is triggered
    Then the scripted gateway receives one Proxy-Uri, which names the Composite API of the errand beside the AuthToken

    Examples:
      | method | url                                                                        |
      | GET    | https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?P_mode=TEST |

    @capability:told
    Examples: What a device can be told
      | method | url                                                                                           |
      | PUT    | https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc                                |
      | POST   | https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?P_mode=LIVE&where=%C3%A9tage+1 |
      | DELETE | https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?a=1&b=2                        |

  @RMP-3.1-56 @capability:told
  Scenario: A URL that is too long for a Proxy-Uri
    The device has to do something else about it than to send an option that nobody may accept.

    Given the device under test is to GET "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?long={1000 letters}" as "hello"
    When the device under test is triggered
    Then the scripted gateway receives no Proxy-Uri of more than 1034 bytes

  @RMP-3.1-57
  Scenario: The AuthToken
    Given the device under test is to GET "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?P_mode=TEST" as "hello"
    When the device under test is triggered
    Then the scripted gateway receives the AuthToken of "hello"

  @RMP-3.1-57 @capability:told
  Scenario: The AuthToken is the only parameter
    Given the device under test is to GET "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc" as "hello"
    When the device under test is triggered
    Then the scripted gateway receives the AuthToken of "hello"

  @RMP-3.1-57 @capability:told
  Scenario: A password with a colon
    Given the user "gate" with the password "a:b:c"
    And the device under test is to GET "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?P_mode=TEST" as "gate"
    When the device under test is triggered
    Then the scripted gateway receives the AuthToken of "gate"
