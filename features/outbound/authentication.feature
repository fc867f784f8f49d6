@outbound
Feature: A provider's authentication scheme
  coaps:// has a choice of two: No Authentication, and Identity / Key. coap:// has none.

  @RMP-2.1.1-03
  Scenario: Identity and Key have no place with coap
    Given a device "sensor"
    And the device "sensor" answers GET "/temperature" with 2.05 Content
    And a provider "greenhouse" with the URL "{sensor}", the identity "door-7" and the key "open sesame" that may be refused
    And a connector "temperature" of the provider "greenhouse" that may be refused
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called
    Then the gateway refuses, and names "coaps"
    And the device "sensor" received no request

  @RMP-2.1.1-03 @given:RMP-2.1-05
  Scenario: A variable that brings coap to a provider with Identity and Key
    Given a device "sensor"
    And the device "sensor" answers GET "/temperature" with 2.05 Content
    And a provider "greenhouse" with the URL "${where}", the identity "door-7" and the key "open sesame" that may be refused
    And a connector "temperature" of the provider "greenhouse" that may be refused
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called with the variables
      | where | {sensor} |
    Then the gateway refuses, and names "coaps"
    And the device "sensor" received no request

  @RMP-2.1-07 @given:RMP-2.1.2-02 @given:RMP-2.1-02 @dtls
  Scenario Outline: Each environment has credentials of its own
    Given a device "bench" that is reached over coaps with the identity "bench-1" and the key "barley"
    And the device "bench" answers POST "/open" with 2.04 Changed
    And a device "lock" that is reached over coaps with the identity "door-7" and the key "sesame"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" with the environments, identities and keys
      | TEST | {bench} | bench-1 | barley |
      | LIVE | {lock}  | door-7  | sesame |
    And a connector "open" of the provider "locks"
      | method | POST  |
      | url    | /open |
    When the connector "open" is called in mode "<mode>"
    Then the caller gets 204
    And the gateway identified itself to the device "<device>" as "<identity>"

    Examples:
      | mode | device | identity |
      | TEST | bench  | bench-1  |
      | LIVE | lock   | door-7   |

  @RMP-2.1.2-06
  Scenario Outline: An identity and a key come together
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" with the URL "{lock}", the identity "<identity>" and the key "<key>" that may be refused
    And a connector "open" of the provider "locks" that may be refused
      | method  | POST  |
      | url     | /open |
      | timeout | 2000  |
    When the connector "open" is called
    Then the gateway refuses, and names "<missing>"
    And the device "lock" received no request

    Examples:
      | identity | key         | missing  |
      | door-7   |             | key      |
      |          | open sesame | identity |

  @RMP-2.1.2-07 @given:RMP-2.1.2-04 @dtls
  Scenario Outline: A typed key is its UTF-8 bytes
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "hex:<bytes>"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "<key>"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 4000  |
    When the connector "open" is called
    Then the caller gets 204

    Examples:
      | key       | bytes                |
      | Käse      | 4bc3a47365           |
      | 開けゴマ  | e9968be38191e382b4e3839e |
      | 00ff80    | 303066663830         |
      | c2VzYW1l  | 6332567a5957316c         |

  @RMP-2.1.2-08
  Scenario Outline: What is no key in hexadecimal digits
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" with the URL "{lock}", the identity "door-7" and the key "<key>" that may be refused
    And a connector "open" of the provider "locks" that may be refused
      | method  | POST  |
      | url     | /open |
      | timeout | 2000  |
    When the connector "open" is called
    Then the gateway refuses, and names "hex"
    And the device "lock" received no request

    Examples:
      | key         |
      | hex:00f     |
      | hex:sesame! |
      | hex:        |

  @RMP-2.1.2-09 @given:RMP-2.1.2-02 @given:RMP-2.2.2-08 @dtls
  Scenario: A session is not used with another provider's key
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "mine" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open mine" of the provider "mine"
      | method | POST  |
      | url    | /open |
    And a provider "theirs" for the device "lock" with the identity "door-7" and the key "open barley"
    And a connector "open theirs" of the provider "theirs"
      | method  | POST  |
      | url     | /open |
      | timeout | 2000  |
    When the connector "open mine" is called
    Then the caller gets 204
    When the connector "open theirs" is called
    Then the caller gets 502 or 504 as the gateway's own error
    And the device "lock" received one request
