@outbound @dtls @capability:certificates
Feature: Certificate-based encryption between connector and device
  With No Authentication the connector chooses a certificate-based encryption scheme.

  @RMP-2.1.2-01 @smoke
  Scenario: No Authentication means certificates
    Given a device "meter" that is reached over coaps with a certificate
    And the device "meter" answers GET "/reading" with 2.05 Content and the payload "42"
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 200 with the body "42"
    And the gateway and the device "meter" have negotiated "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"

  @RMP-4.1-04
  Scenario: The cipher suite that the connector offers
    Given a device "meter" that is reached over coaps with a certificate
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 200
    And the gateway offered the device "meter" the cipher suites
      | TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 |

  @RMP-4.1-05 @given:RMP-2.1.2-01
  Scenario: A certificate of an authority that nobody knows
    Given a device "meter" that is reached over coaps with a certificate "of another authority with the same name"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

  @RMP-4.1-06 @given:RMP-2.1.2-01
  Scenario: A certificate for another host
    Given a device "meter" that is reached over coaps with a certificate for "another.example.org"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

  @RMP-4.1-06 @given:RMP-2.1.2-01
  Scenario: A certificate for another host, of a device with a host name
    Given a device "meter" with a host name that is reached over coaps with a certificate "for another host"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

  @RMP-4.1-07 @given:RMP-2.1.2-01
  Scenario: A certificate that has expired
    Given a device "meter" that is reached over coaps with a certificate "that has expired"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

  @RMP-4.1-08 @given:RMP-2.1.2-01
  Scenario: A certificate that is not valid yet
    Given a device "meter" that is reached over coaps with a certificate "that is not valid yet"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

  @RMP-4.1-09 @given:RMP-2.1.2-01
  Scenario Outline: A certificate for another use
    Given a device "meter" that is reached over coaps with a certificate "<flaw>"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

    Examples:
      | flaw                       |
      | for clients alone          |
      | for signing programs alone |
      | whose key may not sign     |

  @RMP-4.1-10 @given:RMP-2.1.2-01
  Scenario: A certificate that is signed by itself
    Given a device "meter" that is reached over coaps with a certificate "that is signed by itself"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

  @RMP-4.1-11 @given:RMP-2.1.2-01
  Scenario: A chain without its intermediate
    Given a device "meter" that is reached over coaps with a certificate "without its intermediate"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

  @RMP-4.1-12 @given:RMP-2.1.2-01
  Scenario: A device that is called by its host name
    Given a device "meter" with a host name that is reached over coaps with a certificate
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 200
    And the gateway and the device "meter" have negotiated "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"

  @RMP-4.1-13 @given:RMP-2.1.2-01
  Scenario Outline: An address that does not stand as an address in the certificate
    Given a device "meter" that is reached over coaps with a certificate "<flaw>"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

    Examples:
      | flaw                          |
      | with its address as a dNSName |
      | for another address           |
      | with a common name alone      |
      | without any name              |

  @RMP-4.1-14 @given:RMP-4.1-12
  Scenario Outline: A host name that does not stand as itself in the certificate
    Given a device "meter" with a host name that is reached over coaps with a certificate "<flaw>"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

    Examples:
      | flaw                     |
      | with a wildcard          |
      | with a common name alone |
      | for its address alone    |
      | without any name         |

  @RMP-4.1-15 @given:RMP-2.1.2-01
  Scenario Outline: A device that speaks other cipher suites
    Given a device "meter" that is reached over coaps with a certificate and speaks only "<suite>"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

    Examples:
      | suite                                         |
      | TLS_ECDHE_ECDSA_WITH_AES_128_CCM              |
      | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256       |
      | TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384       |
      | TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA          |
      | TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 |

  @RMP-4.1-15 @given:RMP-2.1.2-01
  Scenario: A device with an RSA key
    Given a device "meter" that is reached over coaps with a certificate "with an RSA key"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request

  @RMP-4.1-17 @given:RMP-2.1.2-01
  Scenario: A device that has a pre-shared key alone
    Given a device "meter" that is reached over coaps with the identity "meter-3" and the key "open sesame"
    And the device "meter" answers GET "/reading" with 2.05 Content
    And a provider "meters" for the device "meter"
    And a connector "read" of the provider "meters"
      | method | GET      |
      | url    | /reading |
    When the connector "read" is called
    Then the caller gets 502 as the gateway's own error
    And the device "meter" received no request
