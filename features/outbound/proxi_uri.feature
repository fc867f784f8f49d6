@outbound
Feature: The connector's proxi-URI
  The parameter is relevant when talking to a CoAP proxy: the message goes to the provider, which is the
  proxy, and names in its Proxy-Uri option where it is to be routed.

  Background:
    Given a device "proxy"
    And a provider "proxies" for the device "proxy"
    And the device "proxy" answers every request with 2.05 Content

  @RMP-2.2.2-05 @given:RMP-2.1-01
  Scenario: The message goes to the proxy and carries the Proxy-Uri
    Given a connector "through" of the provider "proxies"
      | method    | GET                          |
      | proxi-URI | coap://198.51.100.7/far/away |
    When the connector "through" is called
    Then the caller gets 200
    And the device "proxy" received a request with the options
      | Proxy-Uri: coap://198.51.100.7/far/away |

  @RMP-2.2.2-06 @given:RMP-2.2.2-05
  Scenario: The name proxy-URI
    Given a connector "through" of the provider "proxies"
      | method    | GET                          |
      | proxy-URI | coap://198.51.100.7/far/away |
    When the connector "through" is called
    Then the caller gets 200
    And the device "proxy" received a request with the options
      | Proxy-Uri: coap://198.51.100.7/far/away |

  @RMP-2.2.2-07
  Scenario: Both names with different values
    Given a connector "through" of the provider "proxies" that may be refused
      | method    | GET                          |
      | proxi-URI | coap://198.51.100.7/far/away |
      | proxy-URI | coap://198.51.100.8/far/away |
    When the connector "through" is called
    Then the gateway refuses, and names "proxi-URI"
    And the device "proxy" received no request

  @RMP-2.2.2-26 @given:RMP-2.2.2-05
  Scenario: No Uri option stands beside the Proxy-Uri
    Given a provider "proxies" with the environments
      | LIVE | {proxy}/base |
    And a connector "through" of the provider "proxies"
      | method    | GET                          |
      | url       | /near?by=1                   |
      | proxi-URI | coap://198.51.100.7/far/away |
    When the connector "through" is called
    Then the caller gets 200
    And the device "proxy" received a request without the options
      | Uri-Host  |
      | Uri-Port  |
      | Uri-Path  |
      | Uri-Query |

  @RMP-2.2.2-28 @given:RMP-2.2.2-05
  Scenario Outline: The URI goes out byte for byte
    Given a connector "through" of the provider "proxies"
      | method    | GET   |
      | proxi-URI | <URI> |
    When the connector "through" is called
    Then the caller gets 200
    And the device "proxy" received a request with the options
      | Proxy-Uri: <URI> |

    Examples:
      | URI                                             |
      | coaps://198.51.100.7:61616/a%2Fb/../c//d?x=%26  |
      | http://www.example.org/caf%c3%A9?AuthToken=YTpi |
      | HTTPS://WWW.EXAMPLE.ORG                         |

  @RMP-2.2.2-18
  Scenario Outline: What is no absolute URI
    Given a connector "through" of the provider "proxies" that may be refused
      | method    | GET   |
      | proxi-URI | <URI> |
    When the connector "through" is called
    Then the gateway refuses, and names "proxi-URI"
    And the device "proxy" received no request

    Examples:
      | URI                         |
      | far/away                    |
      | /far/away                   |
      | //198.51.100.7/far/away     |
      | 198.51.100.7                |
      | coap://198.51.100.7/far way |
      | coap://198.51.100.7/%zz     |
