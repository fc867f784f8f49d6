Feature: Steps that cannot be looked up

  Scenario: undefined
    Given nothing at all happens
    Then the sum is 3 apples

  Scenario: ambiguous
    Given 3 things

  Scenario: arguments
    Given the table
    And nothing happens
      | a |
    And the code 2.05 Contents
