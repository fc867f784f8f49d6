@device @server
Feature: Where a device is called
  The default port of coap is 5683, that of coaps 5684. The gateway in these scenarios is played by the
  harness.

  @RMP-2.1.1-20 @smoke
  Scenario: The default port of coap
    Given the device under test serves coap on the default port
    When the scripted gateway sends a confirmable GET to "{readable}"
    Then the device under test answers

  @RMP-2.1.2-20 @dtls @given:RMP-4.2-30
  Scenario: The default port of coaps
    Given the device under test serves coaps on the default port
    When the scripted gateway opens a DTLS session with the device under test, by its pre-shared key
    Then the device under test accepts the handshake

  @RMP-2.1.2-21 @dtls @smoke @given:RMP-4.2-30
  Scenario: A request in a session with a pre-shared key
    Given the scripted gateway has a DTLS session with the device under test, by its pre-shared key
    When the scripted gateway sends a confirmable GET to "{readable}"
    Then the device under test answers 2.05 Content

  @RMP-2.1.2-21 @dtls @smoke @given:RMP-4.1-30 @given:RMP-4.1-31
  Scenario: A request in a session with certificates
    Given the scripted gateway has a DTLS session with the device under test, by certificates
    When the scripted gateway sends a confirmable GET to "{readable}"
    Then the device under test answers 2.05 Content
