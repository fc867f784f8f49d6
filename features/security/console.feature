@security
Feature: What a gateway says to whoever runs it
  Plain CoAP is recommended for testing and development only, because nothing is encrypted: a gateway
  that serves it says so. Credentials are no part of what a gateway says.

  @inbound @RMP-5-08
  Scenario: Serving plain CoAP is warned of
    Given the device speaks plain CoAP
    Then the gateway's console warns of "plain coap"

  @inbound @dtls @RMP-5-07 @given:RMP-3.1-05
  Scenario Outline: Credentials are not said when a request is served
    Given the user "discreet" with the password "canary-in-the-password"
    And a Composite API "orders" that answers GET with 200
    And the device <way>
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of discreet} |
    Then the device receives 2.05 Content
    And nothing on the gateway's console can be read as
      | {token of discreet}    |
      | canary-in-the-password |
      | {key of discreet}      |

    Examples:
      | way               |
      | speaks plain CoAP |

    @capability:psk
    Examples:
      | way                                                      |
      | has a DTLS session with the pre-shared key of "discreet" |

    @capability:certificates
    Examples:
      | way                                  |
      | has a DTLS session with certificates |

  @inbound @RMP-5-07 @given:RMP-3.1-07
  Scenario Outline: Credentials are not said when a request is refused
    Given the user "discreet" with the password "canary-in-the-password"
    And a Composite API "orders" that answers GET with 200
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | <uri> |
    Then the device receives <code>
    And nothing on the gateway's console can be read as
      | {token of discreet}    |
      | canary-in-the-password |

    Examples:
      | uri                                                                        | code                     |
      | {orders}?AuthToken={token of discreet}&AuthToken={token of discreet}       | 4.01 Unauthorized        |
      | {orders}?AuthToken={Base64 of "discreet:canary-in-the-password and more"}  | 4.01 Unauthorized        |
      | {orders}?AuthToken=canary-in-the-password                                  | 4.01 Unauthorized        |
      | http://forbidden.example.org/?AuthToken={token of discreet}                | 5.05 Proxying Not Supported |
      | ftp://forbidden.example.org/?AuthToken={token of discreet}                 | 5.05 Proxying Not Supported |

  @inbound @dtls @RMP-5-07 @capability:psk
  Scenario: Credentials are not said when a handshake is refused
    Given the user "discreet" with the password "canary-in-the-password"
    When the device opens a DTLS session with the identity "discreet" and the key "canary-in-the-wrong-key"
    Then the gateway refuses the handshake
    And nothing on the gateway's console can be read as
      | canary-in-the-password  |
      | {key of discreet}       |
      | canary-in-the-wrong-key |

  @outbound @dtls @RMP-5-09 @capability:psk @given:RMP-2.1.2-02 @given:RMP-2.1.2-05
  Scenario Outline: A provider's Key is not said
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "<key>"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "canary-in-the-key"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 2000  |
    When the connector "open" is called
    Then the caller gets <status>
    And nothing on the gateway's console can be read as
      | canary-in-the-key |

    Examples:
      | key               | status     |
      | canary-in-the-key | 204        |
      | another key       | 502 or 504 |

  @inbound @own-lab @RMP-3-10 @given:RMP-4.1-01
  Scenario: Plain CoAP is served only where it is configured
    Given the user "hello" with the password "world"
    And the gateway is configured to serve coaps alone
    When the device opens a DTLS session with certificates
    Then the DTLS session is open
    And the gateway answers nothing over plain CoAP
