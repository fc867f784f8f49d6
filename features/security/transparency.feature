@security @dtls
Feature: DTLS is transparent
  The DTLS layer is fully transparent to the embedded CoAP communication, and its credentials stay in it.

  Background:
    Given the user "hello" with the password "world"
    And the user "other" with the password "planet"
    And a Composite API "orders" that answers POST with 200 and
      """text/plain
      canary-in-the-answer
      """

  @RMP-5-01 @capability:psk @given:RMP-4.2-01
  Scenario: A pre-shared key authenticates nothing towards the platform
    Given the device has a DTLS session with the pre-shared key of "hello"
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST |
    Then the device receives 4.01 Unauthorized
    And no request reached the platform

  @RMP-5-02 @capability:psk @given:RMP-4.2-01 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The AuthToken says who the user is
    Given the device has a DTLS session with the pre-shared key of "hello"
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of other} |
    Then the device receives 2.04 Changed
    And the Composite API "orders" was called once, authenticated as "other"

  @RMP-5-03 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario Outline: Nothing of the exchange can be read on the wire
    Given the device has a DTLS session with <credentials>
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&canary-in-the-query&AuthToken={token of hello} |
      | Payload   | canary-in-the-payload                                               |
    Then the device receives 2.04 Changed
    And nothing on the wire between device and gateway can be read as
      | coap2http             |
      | {orders}              |
      | canary-in-the-query   |
      | {token of hello}      |
      | canary-in-the-payload |
      | canary-in-the-answer  |
      | {password of hello}   |

    @capability:psk
    Examples:
      | credentials                   |
      | the pre-shared key of "hello" |

    @capability:certificates
    Examples:
      | credentials  |
      | certificates |

  @RMP-5-04 @capability:psk @given:RMP-2.1.2-02
  Scenario: Nothing of a connector's exchange with a pre-shared key can be read on the wire
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" answers POST "/canary-in-the-path" with 2.04 Changed and the payload "canary-of-the-device"
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open" of the provider "locks"
      | method | POST                                     |
      | url    | /canary-in-the-path?canary=in-the-query  |
      | body   | canary-in-the-body                       |
    When the connector "open" is called
    Then the caller gets 200
    And nothing on the wire between gateway and device can be read as
      | canary-in-the-path   |
      | in-the-query         |
      | canary-in-the-body   |
      | canary-of-the-device |
      | open sesame          |

  @RMP-5-04 @capability:certificates @given:RMP-2.1.2-01
  Scenario: Nothing of a connector's exchange with certificates can be read on the wire
    Given a device "meter" that is reached over coaps with a certificate
    And the device "meter" answers POST "/canary-in-the-path" with 2.04 Changed and the payload "canary-of-the-device"
    And a provider "meters" for the device "meter"
    And a connector "tell" of the provider "meters"
      | method | POST                                    |
      | url    | /canary-in-the-path?canary=in-the-query |
      | body   | canary-in-the-body                      |
    When the connector "tell" is called
    Then the caller gets 200
    And nothing on the wire between gateway and device can be read as
      | canary-in-the-path   |
      | in-the-query         |
      | canary-in-the-body   |
      | canary-of-the-device |

  @RMP-5-06 @capability:psk @given:RMP-4.2-01 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The DTLS layer's credentials do not reach HTTP
    Given the user "canary-in-the-identity" with the password "canary-behind-the-key"
    And the device has a DTLS session with the pre-shared key of "canary-in-the-identity"
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of other} |
      | Payload   | 21.5                                            |
    Then the device receives 2.04 Changed
    And the Composite API "orders" was called once, authenticated as "other"
    And nothing that reached the platform can be read as
      | canary-in-the-identity          |
      | canary-behind-the-key           |
      | {key of canary-in-the-identity} |

  @RMP-5-05 @given:RMP-3.1-02 @given:RMP-3.1-05 @given:RMP-3.1-06
  Scenario Outline: The Composite API sees the same request
    Given the device <way>
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri      | {orders}?P_mode=TEST&a=1&AuthToken={token of hello} |
      | Content-Format | 50                                                  |
      | Payload        | {"celsius": 21}                                     |
    Then the device receives 2.04 Changed with the payload "canary-in-the-answer"
    And the Composite API "orders" was called once, authenticated as "hello"
    And the Composite API "orders" was called once, with the query "P_mode=TEST&a=1"
    And the Composite API "orders" was called once, with the header "Content-Type" "application/json"
    And the Composite API "orders" was called once, with the body '{"celsius": 21}'

    Examples:
      | way               |
      | speaks plain CoAP |

    @capability:psk
    Examples:
      | way                                                   |
      | has a DTLS session with the pre-shared key of "hello" |

    @capability:certificates
    Examples:
      | way                                  |
      | has a DTLS session with certificates |
