@device @client @dtls
Feature: What can be read of a device's request
  DTLS encrypts everything of a CoAP message, the Proxy-Uri with its AuthToken included.

  Background:
    Given the user "hello" with the password "world"
    And the device under test is to POST "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/canary-in-the-path?P_mode=canary-in-the-query" as "hello" with the payload "canary-in-the-payload"

  @RMP-5-20 @capability:psk @given:RMP-4.2-20 @given:RMP-4.2-22
  Scenario: Over coaps with a pre-shared key
    Given a scripted gateway that speaks DTLS with the pre-shared key of "hello"
    When the device under test is triggered
    Then the scripted gateway receives a request
    And nothing of the errand can be read on the wire between device and gateway

  @RMP-5-20 @capability:certificates @given:RMP-4.1-20
  Scenario: Over coaps with certificates
    Given a scripted gateway that shows a certificate for its name
    When the device under test is triggered
    Then the scripted gateway receives a request
    And nothing of the errand can be read on the wire between device and gateway
