@outbound @dtls @capability:psk
Feature: Pre-shared key encryption between connector and device
  With Identity and Key the connector uses a pre-shared key encryption scheme.

  @RMP-2.1.2-02 @smoke
  Scenario: Identity and Key mean a pre-shared key
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open" of the provider "locks"
      | method | POST  |
      | url    | /open |
    When the connector "open" is called
    Then the caller gets 204
    And the gateway and the device "lock" have negotiated "TLS_PSK_WITH_AES_128_CCM_8"
    And the gateway identified itself to the device "lock" as "door-7"

  @RMP-2.1.2-04 @given:RMP-2.1.2-02
  Scenario: A key given as hexadecimal digits
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "hex:00ff80"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "hex:00FF80"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 4000  |
    When the connector "open" is called
    Then the caller gets 204

  @RMP-2.1.2-05 @given:RMP-2.2.2-08
  Scenario: The device has another key
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open barley"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 3000  |
    When the connector "open" is called
    Then the caller gets 502 or 504 as the gateway's own error
    And the device "lock" received no request

  @RMP-4.2-06 @given:RMP-2.1.2-02
  Scenario: The cipher suite that the connector offers
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open" of the provider "locks"
      | method | POST  |
      | url    | /open |
    When the connector "open" is called
    Then the caller gets 204
    And the gateway offered the device "lock" the cipher suites
      | TLS_PSK_WITH_AES_128_CCM_8 |

  @RMP-2.2.2-12 @given:RMP-2.2.2-08
  Scenario: The timeout bounds the handshake too
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"
    And the device "lock" does not answer the handshake
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 700   |
    When the connector "open" is called
    Then the caller gets 504 as the gateway's own error after 700 ms to 1200 ms

  @RMP-2.1.2-10 @given:RMP-2.1.2-02 @given:RMP-2.2.2-08
  Scenario: The device knows another identity
    Given a device "lock" that is reached over coaps with the identity "door-8" and the key "open sesame"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 3000  |
    When the connector "open" is called
    Then the caller gets 502 or 504 as the gateway's own error
    And the device "lock" received no request

  @RMP-4.2-14 @given:RMP-2.1.2-02 @given:RMP-2.2.2-08
  Scenario Outline: A device that speaks other cipher suites
    Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame" and speaks only "<suite>"
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 3000  |
    When the connector "open" is called
    Then the caller gets 502 or 504 as the gateway's own error
    And the device "lock" received no request

    Examples:
      | suite                                 |
      | TLS_PSK_WITH_AES_128_CCM              |
      | TLS_PSK_WITH_AES_256_CCM_8            |
      | TLS_PSK_WITH_AES_128_GCM_SHA256       |
      | TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 |

  @RMP-4.2-15 @given:RMP-2.1.2-02 @given:RMP-2.2.2-08
  Scenario: A device that has a certificate alone
    Given a device "lock" that is reached over coaps with a certificate
    And the device "lock" answers POST "/open" with 2.04 Changed
    And a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"
    And a connector "open" of the provider "locks"
      | method  | POST  |
      | url     | /open |
      | timeout | 3000  |
    When the connector "open" is called
    Then the caller gets 502 or 504 as the gateway's own error
    And the device "lock" received no request
