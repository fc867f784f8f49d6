@inbound @dtls @capability:psk
Feature: Pre-shared key encryption between device and gateway
  The correct cipher suite is TLS_PSK_WITH_AES_128_CCM_8. The identity is the user name, the key the
  SHA-256 hash of the password.

  Background:
    Given the user "hello" with the password "world"
    And a Composite API "orders" that answers GET with 200

  @RMP-4.2-01 @smoke
  Scenario: The cipher suite
    When the device opens a DTLS session with the pre-shared key of "hello"
    Then the device and the gateway have negotiated "TLS_PSK_WITH_AES_128_CCM_8"

  @RMP-4.2-02
  Scenario: The identity and the key
    When the device opens a DTLS session with the identity "hello" and the key "hex:486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"
    Then the DTLS session is open

  @RMP-4.2-03
  Scenario Outline: The wrong key
    When the device opens a DTLS session with the identity "hello" and the key "<key>"
    Then the gateway refuses the handshake

    Examples:
      | key                                                                  | which is                |
      | hex:00                                                               | another key             |
      | world                                                                | the password itself     |
      | hex:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 | the hash of the name    |

  @RMP-4.2-04
  Scenario: An unknown identity
    When the device opens a DTLS session with the identity "nobody" and the key "hex:486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"
    Then the gateway refuses the handshake

  @RMP-4.2-05
  Scenario Outline: Other cipher suites
    Given the device offers only the cipher suite "<suite>"
    When the device opens a DTLS session with the pre-shared key of "hello"
    Then the gateway refuses the handshake

    Examples:
      | suite                               |
      | TLS_PSK_WITH_AES_128_GCM_SHA256     |
      | TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 |
      | TLS_PSK_WITH_AES_128_CCM            |
      | TLS_PSK_WITH_AES_256_CCM_8          |

  @RMP-4.2-13
  Scenario: The cipher suite among all others
    When the device offers every cipher suite but the two of the document, and "TLS_PSK_WITH_AES_128_CCM_8"
    Then the gateway chooses "TLS_PSK_WITH_AES_128_CCM_8"

  @RMP-4.2-12 @given:RMP-4.2-01
  Scenario: An unknown identity and a wrong key cannot be told apart
    When the device tries the identities "olleh" and "hello" with the key "hex:00"
    Then the gateway refuses both handshakes alike

  @RMP-4.2-08
  Scenario Outline: The key tool
    Given the user "keyholder" with the password "<password>"
    When the device opens a DTLS session as "keyholder" with the key that the key tool prints
    Then the DTLS session is open

    Examples:
      | password        |
      | rmppassword     |
      | correct horse ! |

  @RMP-4.2-10
  Scenario: A password that is not ASCII
    Given the user "umlaut" with the password "größe"
    When the device opens a DTLS session with the identity "umlaut" and the key "hex:d353a2671b67afff0941ae456e5c76e9394bd6579774ae7542a6185fb9843384"
    Then the DTLS session is open

  @RMP-4.2-11
  Scenario: A user name that is not ASCII
    Given the user "jürgen" with the password "world"
    When the device opens a DTLS session with the identity "jürgen" and the key "hex:486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"
    Then the DTLS session is open

  @RMP-4.2-07
  Scenario: The key as hexadecimal digits
    Given the user "texty" with the password "world", whose key is in hex form
    When the device opens a DTLS session with the identity "texty" and the key "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"
    Then the DTLS session is open

  @RMP-3.1-02 @given:RMP-4.2-01
  Scenario: A request in a session with a pre-shared key
    Given the device has a DTLS session with the pre-shared key of "hello"
    And a Composite API "weather" that needs no credentials, and answers GET with 200 and
      """text
      rain
      """
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {weather}?P_mode=TEST&AuthToken={token of hello} |
    Then the device receives 2.05 Content with the payload "rain"
    And the Composite API "weather" was called once

  @RMP-3.1-19 @given:RMP-4.2-01 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: A repeated request in a session with a pre-shared key
    Given the device has a DTLS session with the pre-shared key of "hello"
    And a Composite API "readings" that answers POST with 201
    When the device sends a confirmable POST to "/coap2http" with the options
      | Proxy-Uri | {readings}?P_mode=TEST&AuthToken={token of hello} |
    And the device receives 2.01 Created
    And the device sends the same message again
    Then the device receives the same answer again
    And the Composite API "readings" was called once

  @RMP-4.2-09 @given:RMP-3.1-02 @given:RMP-3.1-05
  Scenario: The token tool
    When the device sends a confirmable GET to "/coap2http" with the options
      | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={tool's token of hello} |
    Then the device receives 2.05 Content
    And the Composite API "orders" was called once, authenticated as "hello"
