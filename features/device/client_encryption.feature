@device @client @dtls
Feature: Encryption by a device that calls
  Over coaps a device uses certificates with TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, or a pre-shared key with
  TLS_PSK_WITH_AES_128_CCM_8: the user name is the identity, the SHA-256 hash of the password the key. The
  root that signs the gateway's certificate is in the device's trust store.

  Background:
    Given the user "hello" with the password "world"
    And the device under test is to GET "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?P_mode=TEST" as "hello"

  @RMP-4.1-20 @smoke
  Scenario: The cipher suite of certificates
    Given a scripted gateway that shows a certificate for its name
    When the device under test is triggered
    Then the device under test offers the cipher suite "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
    And the device under test and the scripted gateway have negotiated "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
    And the scripted gateway receives a request

  @RMP-4.1-21
  Scenario: An authority that the device does not know
    Given a scripted gateway that shows a certificate of an unknown authority
    When the device under test is triggered
    Then the device under test refuses the scripted gateway

  @RMP-4.1-21
  Scenario: A self-signed certificate
    Given a scripted gateway that shows a self-signed certificate
    When the device under test is triggered
    Then the device under test refuses the scripted gateway

  @RMP-4.1-22
  Scenario: A certificate for another host
    Given a scripted gateway that shows a certificate for "another.example.org" alone
    When the device under test is triggered
    Then the device under test refuses the scripted gateway

  @RMP-4.1-23
  Scenario: An expired certificate
    Given a scripted gateway that shows an expired certificate
    When the device under test is triggered
    Then the device under test refuses the scripted gateway

  @RMP-4.1-24
  Scenario: A certificate that is not yet valid
    Given a scripted gateway that shows a certificate that is not yet valid
    When the device under test is triggered
    Then the device under test refuses the scripted gateway

  @RMP-4.2-20 @smoke
  Scenario: The cipher suite of pre-shared keys
    Given a scripted gateway that speaks DTLS with the pre-shared key of "hello"
    When the device under test is triggered
    Then the device under test offers the cipher suite "TLS_PSK_WITH_AES_128_CCM_8"
    And the device under test and the scripted gateway have negotiated "TLS_PSK_WITH_AES_128_CCM_8"

  @RMP-4.2-21 @given:RMP-4.2-20 @given:RMP-4.2-22
  Scenario: The identity
    Given a scripted gateway that speaks DTLS with the pre-shared key of "hello"
    When the device under test is triggered
    Then the device under test identifies itself as "hello"

  @RMP-4.2-22 @given:RMP-4.2-20
  Scenario: The key
    Given a scripted gateway that speaks DTLS with the pre-shared key of "hello"
    When the device under test is triggered
    Then the scripted gateway receives a request

  @RMP-4.2-23 @given:RMP-4.2-20
  Scenario: The key as hexadecimal digits
    Given the user "texty" with the password "world", whose key is in hex form
    And a scripted gateway that speaks DTLS with the hexadecimal pre-shared key of "texty"
    And the device under test is to GET "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?P_mode=TEST" as "texty"
    When the device under test is triggered
    Then the scripted gateway receives a request
