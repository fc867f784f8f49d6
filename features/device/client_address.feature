@device @client
Feature: Where a device sends its messages
  CoAP messages go to coap2http, over coaps on port 5684 or, for testing, over coap on port 5683. The
  gateway in these scenarios is played by the harness and calls nothing.

  Background:
    Given the user "hello" with the password "world"
    And the device under test is to GET "https://live.runmyprocess.com/live/aaaa/host/bbbb/service/cccc?P_mode=TEST" as "hello"

  @RMP-3-20
  Scenario: The path
    Given a scripted gateway
    When the device under test is triggered
    Then the scripted gateway receives a request to "/coap2http"

  @RMP-3-21 @dtls @given:RMP-4.2-20 @given:RMP-4.2-22
  Scenario: The default port of coaps
    Given the lab has the default ports to give
    And a scripted gateway on the default port that speaks DTLS with the pre-shared key of "hello"
    When the device under test is triggered
    Then the scripted gateway receives a request

  @RMP-3-22 @smoke
  Scenario: The default port of coap
    Given the lab has the default ports to give
    And a scripted gateway on the default port
    When the device under test is triggered
    Then the scripted gateway receives a request
