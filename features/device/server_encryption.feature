@device @server @dtls
Feature: Encryption by a device that is called
  A connector without authentication uses certificates with TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, one with
  Identity and Key a pre-shared key with TLS_PSK_WITH_AES_128_CCM_8. It offers no other cipher suite.

  @RMP-4.1-30
  Scenario: The cipher suite of certificates
    When the scripted gateway opens a DTLS session with the device under test, by certificates
    Then the scripted gateway and the device under test have negotiated "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"

  @RMP-4.1-31 @given:RMP-4.1-30
  Scenario: The device's certificate
    When the scripted gateway opens a DTLS session with the device under test, by certificates
    Then the scripted gateway accepts the certificate of the device under test

  @RMP-4.2-30
  Scenario: The pre-shared key
    When the scripted gateway opens a DTLS session with the device under test, by its pre-shared key
    Then the scripted gateway and the device under test have negotiated "TLS_PSK_WITH_AES_128_CCM_8"
    And the device under test accepts the handshake

  @RMP-4.2-31
  Scenario Outline: Another key
    When the scripted gateway opens a DTLS session with the device under test, by the device's identity and the key "<key>"
    Then the device under test refuses the handshake

    Examples:
      | key         |
      | hex:00      |
      | open sesame |

  @RMP-4.2-32
  Scenario: An identity that the device does not know
    When the scripted gateway opens a DTLS session with the device under test, by the identity "nobody-of-coapstone" and the device's key
    Then the device under test refuses the handshake
