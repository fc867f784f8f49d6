Feature: Tags that are wrong

  @T-9-99
  Scenario: unknown requirement
    Given nothing happens

  @given:T-9-98
  Scenario: leans on an unknown requirement
    Given nothing happens

  @T-1-01 @T-1-03
  Scenario: proves two
    Given nothing happens

  @T-1-01 @given:T-1-01
  Scenario: leans on itself
    Given nothing happens

  @role:toaster
  Scenario: an unknown role
    Given nothing happens
