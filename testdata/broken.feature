Feature: A file that does not parse

  Scenario: one
    Given nothing happens
    Whenever it fails

  Scenario: two
    Given the table
      | a | b |
      | c |
