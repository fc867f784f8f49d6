@outbound
Feature: A provider says where a connector's message goes
  A CoAP provider is a remote CoAP server, which could also be a device: a means of grouping connectors
  that are available from the same web address.

  Background:
    Given a device "sensor"
    And the device "sensor" answers GET "/temperature" with 2.05 Content and the payload "21.5"

  @RMP-2.1-01 @smoke
  Scenario: The message goes to the provider's address
    Given a provider "greenhouse" for the device "sensor"
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called
    Then the caller gets 200 with the body "21.5"
    And the device "sensor" received one request

  @RMP-2.1.1-01 @given:RMP-2.1-01
  Scenario: Plain CoAP over UDP
    Given a provider "greenhouse" for the device "sensor"
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called
    Then the caller gets 200
    And every datagram between gateway and device is a CoAP message

  @RMP-2.1.1-02 @given:RMP-2.1-01
  Scenario: The default port of coap
    Given a device "well-known" on the default port
    And the device "well-known" answers GET "/temperature" with 2.05 Content and the payload "22"
    And a provider "greenhouse" with the environments
      | LIVE | coap://{host of well-known} |
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called
    Then the caller gets 200 with the body "22"

  @RMP-2.1.2-03 @given:RMP-2.1.2-02 @dtls
  Scenario: The default port of coaps
    Given a device "well-known" on the default port, reached over coaps with the identity "i" and the key "k"
    And the device "well-known" answers GET "/temperature" with 2.05 Content and the payload "23"
    And a provider "greenhouse" with the identity "i", the key "k" and the environments
      | LIVE | coaps://{host of well-known} |
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called
    Then the caller gets 200 with the body "23"

  @RMP-2.1-02 @given:RMP-2.1-01
  Scenario Outline: The mode picks the environment
    Given a device "bench"
    And the device "bench" answers GET "/temperature" with 2.05 Content and the payload "0"
    And a device "pilot"
    And the device "pilot" answers GET "/temperature" with 2.05 Content and the payload "1"
    And a provider "greenhouse" with the environments
      | TEST       | {bench}  |
      | ACCEPTANCE | {pilot}  |
      | LIVE       | {sensor} |
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called <how>
    Then the caller gets 200 with the body "<body>"

    Examples:
      | how                        | body |
      | in mode "TEST"             | 0    |
      | in mode "ACCEPTANCE"       | 1    |
      | in mode "LIVE"             | 21.5 |
      | without a mode             | 21.5 |

  @RMP-2.1-03 @given:RMP-2.1-01
  Scenario: Variables in the provider's URL
    Given a provider "greenhouse" with the environments
      | LIVE | coap://${address} |
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called with the variables
      | address | {address of sensor} |
    Then the caller gets 200 with the body "21.5"

  @RMP-2.1-05 @given:RMP-2.1-01
  Scenario: A provider's URL that is a variable alone
    Given a provider "greenhouse" with the environments
      | LIVE | ${where} |
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called with the variables
      | where | {sensor} |
    Then the caller gets 200 with the body "21.5"

  @RMP-2.1-06
  Scenario Outline: A provider's URL that is no CoAP URL
    Given a provider "greenhouse" with the URL "<scheme>://{address of sensor}" that may be refused
    And a connector "temperature" of the provider "greenhouse" that may be refused
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called
    Then the gateway refuses, and names "coaps"
    And the device "sensor" received no request

    Examples:
      | scheme   |
      | http     |
      | https    |
      | coap+tcp |
      | udp      |

  @RMP-2.1-06 @given:RMP-2.1-05
  Scenario: A variable that brings a URL that is no CoAP URL
    Given a provider "greenhouse" with the environments
      | LIVE | ${where} |
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called with the variables
      | where | http://{address of sensor} |
    Then the gateway refuses, and names "coaps"
    And the device "sensor" received no request

  @RMP-2.1-04
  Scenario: An environment that the provider does not have
    Given a provider "greenhouse" with the environments
      | TEST | {sensor} |
    And a connector "temperature" of the provider "greenhouse"
      | method | GET          |
      | url    | /temperature |
    When the connector "temperature" is called in mode "LIVE"
    Then the gateway refuses, and names "LIVE"
    And the device "sensor" received no request
