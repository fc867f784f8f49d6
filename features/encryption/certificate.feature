@inbound @dtls @capability:certificates
Feature: Certificate-based encryption between device and gateway
  The device opens a DTLS session with TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8. The gateway's certificate
  leads to a root in the device's trust store.

  Background:
    Given the user "hello" with the password "world"
    And a Composite API "orders" that answers GET with 200

  @RMP-4.1-01 @smoke
  Scenario: The cipher suite
    When the device opens a DTLS session with certificates
    Then the device and the gateway have negotiated "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"

  @RMP-4.1-02
  Scenario Outline: Other cipher suites
    Given the device offers only the cipher suite "<suite>"
    When the device opens a DTLS session with certificates
    Then the gateway refuses the handshake

    Examples:
      | suite                                   |
      | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 |
      | TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA    |
      | TLS_ECDHE_ECDSA_WITH_AES_128_CCM        |
      | TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 |
      | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256   |

  @RMP-4.1-16
  Scenario: Every other cipher suite there is
    When the device offers every cipher suite but the two of the document
    Then the gateway chooses none of them

  @RMP-4.1-18
  Scenario: The cipher suite among all others
    When the device offers every cipher suite but the two of the document, and "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
    Then the gateway chooses "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"

  @RMP-4.1-03
  Scenario: The chain and the name
    Given the device trusts the root that signs the gateway's certificate, and expects its host name
    When the device opens a DTLS session with certificates
    Then the device accepts the gateway's certificate

  @RMP-3.1-02 @given:RMP-4.1-01
  Scenario: A request in a session with certificates
    Given the device has a DTLS session with certificates
    And a Composite API "weather" that needs no credentials, and answers GET with 200 and
      """text
      rain
      """
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {weather}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content with the payload "rain"
    And the Composite API "weather" was called once

  @RMP-3.1-15 @given:RMP-4.1-01 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A slow platform behind a session with certificates
    Given the device has a DTLS session with certificates
    And the Composite API "orders" waits 3 s before it answers
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives an empty acknowledgement within 2 s
    And the device receives 2.05 Content
    And the response came in a message of its own
